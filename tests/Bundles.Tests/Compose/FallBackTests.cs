namespace Appliance.Bundles.Tests.Compose;

/// <summary>Whether an appliance may leave the release for the one before by itself.</summary>
public sealed class FallBackTests
{
    private const string Head = "name: test\nservices:\n  web: {image: \"nginx:1\"}\n";

    [Theory]
    [InlineData("", false)]
    [InlineData("x-appliance: {fall-back: true}\n", true)]
    [InlineData("x-appliance: {fall-back: false}\n", false)]
    public void A_release_says_whether_it_may_be_left_and_otherwise_it_may_not(string more, bool mayFallBack)
    {
        var model = Cases.Good(Cases.Parse(Head + more));

        Assert.Equal(mayFallBack, model.FallBack);
        RoundTrip.Check(model, "/nowhere");
    }

    [Fact]
    public void What_is_neither_true_nor_false_is_an_error() =>
        Assert.Contains(
            "x-appliance.fall-back: must be true or false",
            Assert.Single(Cases.Parse(Head + "x-appliance: {fall-back: yes}\n").Errors).ToString()
        );
}

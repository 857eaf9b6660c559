using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Tests.Compose;

public sealed class EnvFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("compose-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("A=b", "b")]
    [InlineData("A = b ", "b")]
    [InlineData("export A=b", "b")]
    [InlineData("\uFEFFA=b\r\n", "b")]
    [InlineData("# c\n\n  A=b # c", "b")]
    [InlineData("A=#c", "")]
    [InlineData("A=x#y", "x#y")]
    [InlineData("A=", "")]
    [InlineData("A=a b  c", "a b  c")]
    [InlineData("A='a # $B \\n'", "a # $B \\n")]
    [InlineData("A=\"a # \\\"b\\\" \\n\\t\\\\ \\$B\" # c", "a # \"b\" \n\t\\ $B")]
    [InlineData("A=\"one\ntwo\"", "one\ntwo")]
    [InlineData("A=${NONE:-d}$SET", "dvalue")]
    [InlineData("A=1\nA=2", "2")]
    [InlineData("A=\"x=y\"", "x=y")]
    public void A_line_is_read(string text, string expected) =>
        Assert.Equal(expected, Cases.Good(Read(text)).Services["web"].Environment["A"]);

    [Theory]
    [InlineData("A B=c", "my.env:1:3: error: services.web.env_file: \"=\" must follow A")]
    [InlineData("=c", "my.env:1:1: error: services.web.env_file: \"\" is not a variable's name")]
    [InlineData("ok=1\n1A=c", "my.env:2:1: error: services.web.env_file: \"1A\" is not a variable's name")]
    [InlineData("A='b", "my.env:1:3: error: services.web.env_file: the ' is not closed")]
    [InlineData("A='b'c", "my.env:1:6: error: services.web.env_file: only a comment may follow a quoted value")]
    [InlineData("A=$NONE", "my.env:1:3: error: services.web.env_file: variable \"NONE\" is not set")]
    [InlineData("NONE", "my.env:1:1: error: services.web.env_file: NONE has no value")]
    public void A_bad_line_is_reported_in_its_own_file(string text, string expected) =>
        Assert.StartsWith(expected, Assert.Single(Read(text).Diagnostics).ToString());

    [Fact]
    public void The_environment_wins_over_its_files_and_later_files_over_earlier_ones()
    {
        Write("one.env", "A=1\nB=1\nC=1");
        Write("two.env", "B=2\nC=2");
        var yaml = Cases.Service(
            "env_file: [one.env, {path: two.env}, {path: none.env, required: false}]\nenvironment: {C: 3}"
        );
        var environment = Cases
            .Good(Cases.Parse(yaml, ComposeOptions.Default, _folder.FullName))
            .Services["web"]
            .Environment;
        Assert.Equal(["A=1", "B=2", "C=3"], environment.Select(e => $"{e.Key}={e.Value}"));
    }

    [Fact]
    public void Bytes_that_are_not_text_are_reported_with_their_place()
    {
        File.WriteAllBytes(Path.Combine(_folder.FullName, "my.env"), [.. "A=1\nB="u8, 0xff]);
        var result = Cases.Parse(Cases.Service("env_file: my.env"), ComposeOptions.Default, _folder.FullName);
        Assert.StartsWith(
            "my.env:2:3: error: services.web.env_file: not UTF-8 text",
            Assert.Single(result.Diagnostics).ToString()
        );
    }

    [Fact]
    public void A_symbolic_link_out_of_the_release_is_refused()
    {
        File.CreateSymbolicLink(Path.Combine(_folder.FullName, "link"), "/etc/hostname");
        var result = Cases.Parse(Cases.Service("env_file: link"), ComposeOptions.Default, _folder.FullName);
        Assert.Contains("\"link\" is a symbolic link", Assert.Single(result.Diagnostics).Message);
    }

    private ComposeResult Read(string text)
    {
        Write("my.env", text);
        var options = new ComposeOptions { Variables = new Dictionary<string, string> { ["SET"] = "value" } };
        return Cases.Parse(Cases.Service("env_file: my.env"), options, _folder.FullName);
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_folder.FullName, name), text);
}

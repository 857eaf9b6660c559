using Appliance.V1;
using Google.Protobuf.WellKnownTypes;

namespace Agent.Cli.Tests;

/// <summary>The certificate of the application, shown and exchanged.</summary>
public sealed class CertificateTests : IDisposable
{
    private static readonly Certificate Shop = new()
    {
        Subject = "CN=shop.example",
        Issuer = "CN=Example CA",
        Names = { "shop.example", "192.0.2.7" },
        NotBefore = Timestamp.FromDateTime(new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc)),
        NotAfter = Timestamp.FromDateTime(new DateTime(2019, 1, 1, 0, 0, 0, DateTimeKind.Utc)),
        Fingerprint = "AB12",
    };

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("actl-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task It_is_shown_with_what_it_is_for_and_that_it_has_expired()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Certificate = Shop;

        var run = await Appliancectl.RunAsync(agent.Socket, "certificate", "show");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("Subject   CN=shop.example\n", run.Stdout, StringComparison.Ordinal);
        Assert.Contains("For       shop.example, 192.0.2.7\n", run.Stdout, StringComparison.Ordinal);
        Assert.Contains(", expired\n", run.Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_and_its_key_are_sent_as_one()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Certificate = Shop;
        var (chain, key) = (Path.Combine(folder.FullName, "chain"), Path.Combine(folder.FullName, "key"));
        await File.WriteAllTextAsync(chain, "CHAIN", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(key, "KEY", TestContext.Current.CancellationToken);

        var run = await Appliancectl.RunAsync(agent.Socket, "certificate", "set", "--certificate", chain, "--key", key);

        Assert.Equal(0, run.ExitCode);
        Assert.StartsWith("In use:\nSubject   CN=shop.example\n", run.Stdout, StringComparison.Ordinal);
        Assert.Equal("SetCertificate { \"pem\": \"CHAIN\\nKEY\\n\" }", Assert.Single(agent.Calls));
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_named_and_nothing_is_sent()
    {
        await using var agent = await FakeAgent.StartAsync();

        var run = await Appliancectl.RunAsync(agent.Socket, "certificate", "set", "--certificate", "/nowhere/shop.pem");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("/nowhere/shop.pem cannot be read", run.Stderr, StringComparison.Ordinal);
        Assert.Empty(agent.Calls);
    }
}

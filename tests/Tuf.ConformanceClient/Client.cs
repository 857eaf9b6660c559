using Appliance.Tuf;

namespace Tuf.ConformanceClient;

/// <summary>The three verbs of the suite's protocol (its CLIENT-CLI.md).</summary>
internal sealed class Client(Arguments arguments)
{
    private readonly FileMetadataStore store = new(arguments.One("--metadata-dir"));

    public Task RunAsync(CancellationToken cancellationToken) =>
        arguments.Words switch
        {
            ["init", var root] => InitAsync(root, cancellationToken),
            ["refresh"] => RefreshAsync(cancellationToken),
            ["download"] => DownloadAsync(cancellationToken),
            _ => throw new ArgumentException($"not a command: {string.Join(' ', arguments.Words)}"),
        };

    private async Task InitAsync(string root, CancellationToken cancellationToken) =>
        await TufClient.TrustAsync(store, await File.ReadAllBytesAsync(root, cancellationToken), cancellationToken);

    private async Task RefreshAsync(CancellationToken cancellationToken)
    {
        using var repository = new HttpRepository(
            arguments.One("--metadata-url"),
            targetUrl: null,
            TimeProvider.System
        );
        await new TufClient(store, repository, TimeProvider.System).RefreshAsync(cancellationToken);
    }

    private async Task DownloadAsync(CancellationToken cancellationToken)
    {
        using var repository = new HttpRepository(
            arguments.One("--metadata-url"),
            arguments.One("--target-base-url"),
            TimeProvider.System
        );
        var client = new TufClient(store, repository, TimeProvider.System);
        await client.RefreshAsync(cancellationToken);
        foreach (var target in arguments.All("--target-name"))
            await client.DownloadAsync(target, repository, arguments.One("--target-dir"), cancellationToken);
    }
}

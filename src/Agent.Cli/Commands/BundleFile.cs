using Appliance.Bundles.Compose;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;
using Appliance.Cli.Output;
using Appliance.Tuf;

namespace Appliance.Cli.Commands;

/// <summary>A bundle that a command was given, and reads from its beginning to its end.</summary>
internal static class BundleFile
{
    private const string Stdin = "-";
    private const int MaxRoot = MetadataLimits.RootBytes;

    /// <summary>Trusts the root of a file.</summary>
    /// <exception cref="FileException">It cannot be read, or is no root.</exception>
    public static async Task<TrustedState> PinAsync(string path, CancellationToken cancellationToken)
    {
        var root = await InputFile.ReadAsync(path, MaxRoot, cancellationToken);
        try
        {
            return OfflineVerification.Pin(root);
        }
        catch (TufException e)
        {
            throw new FileException($"{path} is not a root that can be trusted: {e.Message}", e);
        }
    }

    /// <summary>Verifies all of a bundle: a file, or <c>-</c> for what is piped in.</summary>
    /// <exception cref="FileException">The file cannot be read.</exception>
    /// <exception cref="RefusedException">The bundle does not hold.</exception>
    public static Task<(VerifiedBundle Bundle, ReleaseContent Content)> ReadAsync(
        Session session,
        string path,
        Func<ReceivedBundle, TrustedState> trusted,
        bool acceptExpired,
        IBlobSink sink,
        CancellationToken cancellationToken
    )
    {
        return InputFile.Explained(
            path == Stdin ? "standard input" : path,
            async () =>
            {
                if (path != Stdin)
                {
                    await using var file = Open(path);
                    return await ReadAsync(file);
                }
                await using var stdin = Console.OpenStandardInput();
                // A pipe into which nothing is written cannot be asked to stop.
                return await Task.Run(() => ReadAsync(stdin), cancellationToken).WaitAsync(cancellationToken);
            }
        );

        async Task<(VerifiedBundle Bundle, ReleaseContent Content)> ReadAsync(Stream stream)
        {
            var received = await ReceivedBundle.OpenAsync(stream, cancellationToken);
            var bundle = received.Verify(trusted(received), session.Clock.GetUtcNow(), acceptExpired);
            var size = stream.CanSeek ? stream.Length : 0;
            var progress = new TransferProgress(session, $"Reading {path}", size);
            var content = await bundle.ReadReleaseAsync(sink, progress, cancellationToken);
            session.Error.ErasePassing();
            return (bundle, content);
        }
    }

    private static FileStream Open(string path) =>
        Directory.Exists(path) ? throw new IOException("it is a folder") : RegularFile.Open(path);
}

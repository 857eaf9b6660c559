using System.Security.Cryptography;
using Appliance.Bundles.Signing;
using Appliance.Testing;

namespace Bundles.Tests.Signing;

/// <summary>
/// A signer's repository that tests copy. Its keys are encrypted again with few rounds: what makes a passphrase dear to
/// guess would make each test wait for seconds.
/// </summary>
public sealed class PreparedSigner : IAsyncLifetime
{
    public const string Passphrase = "correct horse battery";
    public static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    private readonly ScratchFolder scratch = new();

    public async ValueTask InitializeAsync()
    {
        await SignerRepository.CreateAsync(
            scratch["signer"],
            new("demo"),
            Passphrase,
            Now,
            TestContext.Current.CancellationToken
        );
        foreach (var file in Directory.GetFiles(scratch["signer/keys"], "*.pem"))
            await ProtectLessAsync(file);
    }

    public ValueTask DisposeAsync()
    {
        scratch.Dispose();
        return ValueTask.CompletedTask;
    }

    public void CopyTo(string folder)
    {
        foreach (var file in Directory.GetFiles(scratch["signer"], "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(folder, Path.GetRelativePath(scratch["signer"], file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
        Directory.CreateDirectory(Path.Combine(folder, "targets"));
    }

    private static async Task ProtectLessAsync(string file)
    {
        using var key = ECDsa.Create();
        key.ImportFromEncryptedPem(await File.ReadAllTextAsync(file), Passphrase);
        var few = new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, iterationCount: 1000);
        await File.WriteAllTextAsync(file, key.ExportEncryptedPkcs8PrivateKeyPem(Passphrase, few));
    }
}

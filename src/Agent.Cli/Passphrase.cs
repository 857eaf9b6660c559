using System.CommandLine;
using System.Text;
using System.Text.Unicode;

namespace Appliance.Cli;

/// <summary>
/// The passphrase of a signer's keys: from a file, from the environment, or typed. Never an argument, which others can
/// read in the list of processes and in the shell's history.
/// </summary>
internal sealed class Passphrase
{
    public const string Variable = "APPLIANCE_SIGNING_PASSPHRASE";

    /// <summary>Characters; below that, a stolen key is a matter of patience.</summary>
    private const int Shortest = 12;

    private const int MaxBytes = 4096;

    private readonly Option<string?> file = new("--passphrase-file")
    {
        Description = $"A file whose first line is the keys' passphrase (else ${Variable}, else it is asked for)",
        HelpName = "FILE",
    };

    public void AddTo(Command command) => command.Options.Add(file);

    /// <summary>For keys that there are.</summary>
    /// <exception cref="PassphraseException">There is none, and nobody to ask.</exception>
    public async Task<string> ReadAsync(ParseResult parse, Session session, CancellationToken cancellationToken) =>
        await GivenAsync(parse, cancellationToken) ?? Ask(session, "Passphrase of the signing keys: ");

    /// <summary>For keys that are about to be made; asked for twice, as nobody sees what is typed.</summary>
    /// <exception cref="PassphraseException">There is none and nobody to ask, or it is too short.</exception>
    public async Task<string> ChooseAsync(ParseResult parse, Session session, CancellationToken cancellationToken)
    {
        if (await GivenAsync(parse, cancellationToken) is { } given)
            return LongEnough(given);

        var typed = LongEnough(Ask(session, $"New passphrase for the signing keys ({Shortest} characters or more): "));
        return Ask(session, "The same again: ") == typed
            ? typed
            : throw new PassphraseException("the two passphrases are not the same");
    }

    private async Task<string?> GivenAsync(ParseResult parse, CancellationToken cancellationToken) =>
        parse.GetValue(file) is { } path ? await FirstLineAsync(path, cancellationToken)
        : Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } variable ? variable
        : null;

    private static string Ask(Session session, string prompt)
    {
        // On standard error the question is asked: who cannot see it would be taken to think about it.
        if (Console.IsInputRedirected || Console.IsErrorRedirected)
            throw new PassphraseException(
                "the signing keys' passphrase is needed, and there is no terminal to ask on",
                $"Give it with --passphrase-file FILE or in {Variable}."
            );
        try
        {
            return HiddenInput.ReadLine(() => session.Error.Write(prompt)) is { Length: > 0 } typed
                ? typed
                : throw new PassphraseException("no passphrase was given");
        }
        catch (DecoderFallbackException)
        {
            throw new PassphraseException("what was typed is not UTF-8: set the terminal to it");
        }
    }

    // A pipe will do as well, as from a password store.
    private static async Task<string> FirstLineAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await using var stream = File.OpenRead(path);
            var bytes = new byte[MaxBytes + 1];
            var length = await stream.ReadAtLeastAsync(
                bytes,
                bytes.Length,
                throwOnEndOfStream: false,
                cancellationToken
            );
            if (length > MaxBytes)
                throw new PassphraseException($"{path} has more than {MaxBytes} bytes: it holds no passphrase");
            // Two files whose bytes are no text would otherwise be the same passphrase.
            if (!Utf8.IsValid(bytes.AsSpan(0, length)))
                throw new PassphraseException($"{path} is not UTF-8: it holds no passphrase that could be typed");
            var line = Encoding.UTF8.GetString(bytes.AsSpan(0, length)).Split('\n', 2)[0].TrimEnd('\r');
            return line.Length > 0 ? line : throw new PassphraseException($"{path} has an empty first line");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FileException($"{path} cannot be read: {e.Message}", e);
        }
    }

    private static string LongEnough(string passphrase) =>
        passphrase.Length >= Shortest
            ? passphrase
            : throw new PassphraseException(
                $"the passphrase has {passphrase.Length} characters, and must have at least {Shortest}"
            );
}

/// <summary>There is no passphrase that will do.</summary>
internal sealed class PassphraseException(string message, params string[] next) : Exception(message)
{
    public IReadOnlyList<string> Next => next;
}

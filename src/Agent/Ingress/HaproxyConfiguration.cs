using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Ingress;

/// <summary>
/// The file that HAProxy reads when it starts and when it is reloaded. A new shape takes its place only when HAProxy itself
/// has found nothing wrong with it.
/// </summary>
internal sealed class HaproxyConfiguration(
    IngressFolder folder,
    IOptionsMonitor<IngressOptions> options,
    TimeProvider clock
)
{
    private const int MostWords = 16 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private const string Page = """
        <!DOCTYPE html>
        <html lang="en">
        <head><meta charset="utf-8"><title>Back soon</title><meta http-equiv="refresh" content="5"></head>
        <body style="font-family: sans-serif; margin: 10vh auto; max-width: 40em; padding: 0 1em">
        <h1>Back soon</h1>
        <p>The application is being started or maintained. This page looks again every few seconds.</p>
        </body>
        </html>

        """;

    /// <summary>As it stands; null: there is none.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public string? Read() => File.Exists(folder.Configuration) ? File.ReadAllText(folder.Configuration) : null;

    /// <summary>What is kept as known to run; null: nothing is.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public string? ReadProven() => File.Exists(folder.Proven) ? File.ReadAllText(folder.Proven) : null;

    /// <summary>Keeps what is known to run.</summary>
    /// <exception cref="IOException">It cannot be written; what was there is still there.</exception>
    /// <exception cref="UnauthorizedAccessException">As above.</exception>
    public void WriteProven(string text) => IngressFolder.Write(folder.Proven, Encoding.UTF8.GetBytes(text));

    /// <summary>Writes what the configuration refers to, where it is not there or another.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void EnsureMaintenancePage()
    {
        // Who keeps asking is asked to wait, and no cache may keep it.
        var body = Page.ReplaceLineEndings("\n");
        var answer = Encoding.UTF8.GetBytes(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/html; charset=utf-8\r\ncache-control: no-store\r\n"
                + $"retry-after: 5\r\ncontent-length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"
        );
        if (!File.Exists(folder.Maintenance) || !File.ReadAllBytes(folder.Maintenance).AsSpan().SequenceEqual(answer))
            IngressFolder.Write(folder.Maintenance, answer);
    }

    /// <summary>Writes servers into a shape that was checked before: they are addresses and numbers of our own making.</summary>
    /// <exception cref="IOException">It cannot be written; what was there is still there.</exception>
    /// <exception cref="UnauthorizedAccessException">As above.</exception>
    public void Write(string text) => IngressFolder.Write(folder.Configuration, Encoding.UTF8.GetBytes(text));

    /// <summary>Writes a configuration beside the one in use, and asks HAProxy what it thinks of it.</summary>
    /// <returns>What is wrong with it, in HAProxy's words; null: nothing.</returns>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">As above.</exception>
    public async Task<string?> CheckAsync(string text, CancellationToken ct) =>
        await CheckFileAsync(IngressFolder.WriteNext(folder.Configuration, Encoding.UTF8.GetBytes(text)), ct);

    /// <summary>Has what was checked last take its place.</summary>
    /// <exception cref="IOException">It cannot; what was there is still there.</exception>
    public void Promote() => IngressFolder.Promote(folder.Configuration);

    /// <summary>Asks HAProxy what it thinks of a file.</summary>
    /// <returns>What is wrong with it, in HAProxy's words; null: nothing.</returns>
    public async Task<string?> CheckFileAsync(string path, CancellationToken ct)
    {
        using var deadline = new CancellationTokenSource(Patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(options.CurrentValue.Haproxy, ["-c", "-f", path])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            return $"{options.CurrentValue.Haproxy} cannot be run: {e.Message}";
        }
        try
        {
            process.StandardInput.Close();
            var words = Task.WhenAll(
                SomeOf(process.StandardError, either.Token),
                SomeOf(process.StandardOutput, either.Token)
            );
            await process.WaitForExitAsync(either.Token);
            return process.ExitCode == 0 ? null : Alerts(string.Concat(await words));
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            ct.ThrowIfCancellationRequested();
            return $"{options.CurrentValue.Haproxy} -c has not ended within {Patience.TotalSeconds:0.#} s";
        }
    }

    /// <summary>What HAProxy could not go on after, on one line; all that it said, where nothing is marked so.</summary>
    internal static string Alerts(string words)
    {
        // Without process ids, which differ from one time to the next.
        var alerts = words
            .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(l => l.StartsWith("[ALERT]", StringComparison.Ordinal))
            .Select(l => l[(l.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim());
        var all = string.Join('\n', alerts);
        return RuntimeApi.Brief(all.Length > 0 ? all : words);
    }

    // All is read, so that it never waits for us, and the beginning is kept.
    private static async Task<string> SomeOf(StreamReader reader, CancellationToken ct)
    {
        var kept = new StringBuilder();
        var buffer = new char[4096];
        while (await reader.ReadAsync(buffer, ct) is var read and > 0)
            kept.Append(buffer, 0, Math.Min(read, MostWords - kept.Length));
        return kept.ToString();
    }
}

using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Appliance.Agent.Storage;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Ingress;

/// <summary>What HAProxy tells of a certificate.</summary>
/// <param name="Fingerprint">The SHA-1 of the first, in hexadecimal.</param>
/// <param name="ChainLength">How many follow it.</param>
internal sealed record UsedCertificate(string Fingerprint, int ChainLength);

/// <summary>
/// Talks to a running HAProxy over its master's socket, through which each of its workers can be reached by its pid: a
/// worker's own socket is answered by whichever of two is quicker while they change places.
/// </summary>
/// <remarks>
/// One connection for each command; its end is the end of the answer. Everything that is not the answer that a command has
/// when it succeeds is a failure: HAProxy tells errors as text like any other.
/// </remarks>
internal sealed class RuntimeApi(IOptionsMonitor<IngressOptions> options, TimeProvider clock)
{
    /// <summary>What a command may have with it: HAProxy reads it into one buffer of 16 KiB.</summary>
    public const int MostPayload = 15_000;

    private const int MostAnswer = 16 * 1024 * 1024;
    private const int Shown = 400;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan HoldPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ReloadPatience = TimeSpan.FromSeconds(60);

    /// <exception cref="HaproxyException"/>
    public async Task<Workers> WorkersAsync(CancellationToken ct) =>
        Ingress.Workers.Parse(await AskAsync("show proc", Patience, ct));

    /// <summary>What the worker runs: see <see cref="HaproxyText.Mark"/>; null: not of ours.</summary>
    /// <exception cref="HaproxyException"/>
    public async Task<string?> ShapeOfAsync(int worker, CancellationToken ct)
    {
        var answer = await AskWorkerAsync(worker, "show info", ct);
        if (!answer.StartsWith("Name: ", StringComparison.Ordinal))
            throw Unexpected("show info", answer);
        const string key = $"description: {HaproxyText.Mark} ";
        return answer
            .Split('\n')
            .FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal))
            ?[key.Length..].Trim();
    }

    /// <exception cref="HaproxyException"/>
    public async Task<IReadOnlyList<StatRow>> StatAsync(int worker, CancellationToken ct) =>
        StatRow.Parse(await AskWorkerAsync(worker, "show stat", ct));

    /// <exception cref="HaproxyException"/>
    public async Task RunAsync(int worker, RuntimeStep step, CancellationToken ct)
    {
        var server = $"{step.Backend}/{step.Slot}";
        Failpoint.Before(Failpoint.ChangeServer);
        switch (step)
        {
            case RuntimeStep.Place place:
                var port = place.Port.ToString(CultureInfo.InvariantCulture);
                var command = $"set server {server} addr {place.Address} port {port}";
                var answer = await AskWorkerAsync(worker, command, ct);
                // "IP changed from …", "no need to change the addr, port changed from …", "nothing changed".
                if (!answer.Contains("chang", StringComparison.Ordinal))
                    throw Unexpected(command, answer);
                break;
            case RuntimeStep.Weigh weigh:
                var weight = weigh.Weight.ToString(CultureInfo.InvariantCulture);
                await OrderAsync(worker, $"set server {server} weight {weight}", ct);
                break;
            case RuntimeStep.Turn turn:
                await OrderAsync(worker, $"set server {server} state {Word(turn.State)}", ct);
                break;
            case RuntimeStep.End:
                await OrderAsync(worker, $"shutdown sessions server {server}", ct);
                break;
            default:
                throw new InvalidOperationException($"no command for {step.GetType().Name}");
        }
        Failpoint.After(Failpoint.ChangeServer);
    }

    /// <summary>What the worker tells of the certificate that it has for a path; null: it has none.</summary>
    /// <exception cref="HaproxyException">It does not say.</exception>
    public async Task<UsedCertificate?> CertificateAsync(int worker, string path, CancellationToken ct)
    {
        const string key = "SHA1 FingerPrint: ";
        var command = $"show ssl cert {Quoted(path)}";
        var answer = await AskWorkerAsync(worker, command, ct);
        var lines = answer.Split('\n');
        return lines.FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal)) is { } line
                ? new UsedCertificate(
                    line[key.Length..].Trim(),
                    lines.Count(l => l.StartsWith("Chain Subject: ", StringComparison.Ordinal))
                )
            : answer.Contains("Not found", StringComparison.Ordinal) ? null
            : throw Unexpected(command, answer);
    }

    /// <summary>Exchanges a certificate; connections that are open keep theirs.</summary>
    /// <param name="pem">Of at most <see cref="MostPayload"/> bytes, without an empty line, with one line end at its end.</param>
    /// <exception cref="HaproxyException">The one before stays in use.</exception>
    public async Task SetCertificateAsync(int worker, string path, string pem, CancellationToken ct)
    {
        var name = Quoted(path);
        var begun = await AskWorkerAsync(worker, $"set ssl cert {name} <<\n{pem}", ct);
        if (
            !begun.StartsWith("Transaction created", StringComparison.Ordinal)
            && !begun.StartsWith("Transaction updated", StringComparison.Ordinal)
        )
            throw Unexpected("set ssl cert", begun);
        var done = await AskWorkerAsync(worker, $"commit ssl cert {name}", ct);
        if (done.Contains("Success", StringComparison.Ordinal))
            return;
        await AskWorkerAsync(worker, $"abort ssl cert {name}", ct);
        throw Unexpected("commit ssl cert", done);
    }

    /// <summary>Has the master read its file again. Whether a worker came of it is to be looked at.</summary>
    /// <returns>What HAProxy says to it; empty before 2.7.</returns>
    /// <exception cref="HaproxyException">Nobody is there, or says anything.</exception>
    public async Task<string> ReloadAsync(CancellationToken ct)
    {
        Failpoint.Before(Failpoint.ReloadIngress);
        var answer = await AskAsync("reload", ReloadPatience, ct, mayBeEmpty: true);
        Failpoint.After(Failpoint.ReloadIngress);
        return answer.Trim();
    }

    /// <summary>
    /// Keeps the worker that accepts connections now from ending, once another has taken its place, until this is disposed: so
    /// that it can be asked what it has counted to the last.
    /// </summary>
    /// <returns>Null: it does not answer.</returns>
    public async Task<IDisposable?> HoldAsync(CancellationToken ct)
    {
        using var deadline = new CancellationTokenSource(HoldPatience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        Socket? socket = null;
        try
        {
            socket = await ConnectAsync(options.CurrentValue.WorkerSocket, either.Token);
            await socket.SendAsync("prompt\n"u8.ToArray(), either.Token);
            // Its answer means that it is the one who has the connection, and not whoever accepts the next.
            if (await socket.ReceiveAsync(new byte[16], either.Token) > 0)
                return socket;
        }
        catch (Exception e) when (e is HaproxyException or SocketException) { }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested) { }
        socket?.Dispose();
        return null;
    }

    /// <summary>Returns as soon as the master has ended, or began anew for a reload.</summary>
    /// <exception cref="HaproxyException">Nobody is there.</exception>
    public async Task WatchAsync(CancellationToken ct)
    {
        using var socket = await ConnectAsync(options.CurrentValue.MasterSocket, ct);
        try
        {
            // It says nothing unless it is asked.
            var byteOfMaster = new byte[1];
            while (await socket.ReceiveAsync(byteOfMaster, ct) > 0) { }
        }
        catch (SocketException) { }
    }

    /// <summary>One line, and not too long, for a sentence.</summary>
    public static string Brief(string text)
    {
        var line = string.Join(
            "; ",
            text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        );
        return line.Length == 0 ? "nothing"
            : line.Length <= Shown ? line
            : line[..(Shown - 1)] + "…";
    }

    private async Task OrderAsync(int worker, string command, CancellationToken ct)
    {
        var answer = await AskWorkerAsync(worker, command, ct);
        if (answer.Trim().Length > 0)
            throw Unexpected(command, answer);
    }

    private async Task<string> AskWorkerAsync(int worker, string command, CancellationToken ct)
    {
        var pid = worker.ToString(CultureInfo.InvariantCulture);
        var answer = await AskAsync($"@!{pid} {command}", Patience, ct);
        return answer.StartsWith("Can't find the target", StringComparison.Ordinal)
            ? throw new HaproxyException($"worker {pid} has ended", isGone: true)
            : answer;
    }

    private async Task<string> AskAsync(
        string command,
        TimeSpan patience,
        CancellationToken ct,
        bool mayBeEmpty = false
    )
    {
        using var deadline = new CancellationTokenSource(patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        try
        {
            using var socket = await ConnectAsync(options.CurrentValue.MasterSocket, either.Token);
            await using var stream = new NetworkStream(socket);
            await stream.WriteAsync(Encoding.UTF8.GetBytes(command + "\n"), either.Token);
            socket.Shutdown(SocketShutdown.Send);
            var answer = await ReadAsync(stream, either.Token);
            // The end of an answer is a line end: a process that dies says less.
            return answer.EndsWith('\n') || mayBeEmpty
                ? answer
                : throw new HaproxyException($"the answer to {Verb(command)} broke off", isGone: true);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // A master that reloads ends the connection in whichever way.
            return mayBeEmpty ? "" : throw new HaproxyException(e.Message, isGone: true);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new HaproxyException(
                $"no answer to {Verb(command)} within {patience.TotalSeconds:0.#} s",
                isGone: false,
                isSilent: true
            );
        }
    }

    private static async Task<string> ReadAsync(NetworkStream stream, CancellationToken ct)
    {
        using var answer = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (await stream.ReadAsync(buffer, ct) is var read and > 0)
        {
            if (answer.Length + read > MostAnswer)
                throw new HaproxyException($"an answer of more than {MostAnswer} bytes", isGone: false);
            answer.Write(buffer, 0, read);
        }
        return Encoding.UTF8.GetString(answer.GetBuffer(), 0, (int)answer.Length);
    }

    private static async Task<Socket> ConnectAsync(string path, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            // .NET has another word for a file that is not there.
            var why = File.Exists(path) ? e.Message : "No such file";
            throw new HaproxyException($"{path}: {why}", isGone: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static string Word(ServerState state) =>
        state switch
        {
            ServerState.Ready => "ready",
            ServerState.Draining => "drain",
            _ => "maint",
        };

    private static string Quoted(string word) =>
        string.Concat(
            word.Select(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '_' or '-' ? $"{c}" : $"\\{c}")
        );

    private static HaproxyException Unexpected(string command, string answer) =>
        new($"HAProxy answers {Verb(command)} with: {Brief(answer)}", isGone: false);

    // A payload may hold a key.
    private static string Verb(string command) => command.Split('\n')[0];
}

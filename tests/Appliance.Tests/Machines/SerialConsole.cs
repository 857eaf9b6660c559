using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Appliance.Tests.Machines;

/// <summary>What a command on the guest ended with, byte for byte.</summary>
internal sealed record Ran(string Command, int ExitCode, byte[] Output, string Errors)
{
    public string Text => Encoding.UTF8.GetString(Output);

    /// <summary>This, if the command did what it was asked to.</summary>
    public Ran Succeeded()
    {
        Assert.True(ExitCode == 0, $"'{Command}' ended with {ExitCode}:\n{Text}\n{Errors}");
        return this;
    }
}

/// <summary>
/// The serial console of a machine: all that it prints, and a root shell. It stays the same when the guest reboots or the
/// machine is powered on again, but the shell has to be logged in anew.
/// </summary>
internal sealed partial class SerialConsole : IDisposable
{
    /// <summary>Booting takes about half a minute under emulation on an idle machine; ours are not idle.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(240);

    private const int Capacity = 1 << 23;

    // The terminal takes lines of up to 4095 characters, and drops what comes in faster than it is read.
    private const int Chunk = 700;

    private static readonly TimeSpan Handshake = TimeSpan.FromSeconds(3);

    private readonly Lock guard = new();
    private readonly ConsoleText text = new(Capacity);
    private readonly Func<string, Exception?, MachineException> failure;
    private TaskCompletionSource changed = NewPulse();
    private Socket? socket;
    private Task reading = Task.CompletedTask;
    private bool isOn;
    private long bootedAt;
    private bool loggedIn;
    private int lastMark;

    /// <summary>A console that is not connected yet.</summary>
    /// <param name="failure">Makes an exception of what was waited for.</param>
    public SerialConsole(Func<string, Exception?, MachineException> failure) => this.failure = failure;

    /// <summary>The position behind what was printed last, for <see cref="WaitForAsync"/>.</summary>
    public long Position
    {
        get
        {
            lock (guard)
                return text.End;
        }
    }

    /// <summary>What was printed from a position on, without terminal control.</summary>
    public string Text(long from = 0)
    {
        lock (guard)
            return text.From(from);
    }

    /// <summary>The last lines.</summary>
    public string Tail(int lines = 40) => string.Join('\n', Text().TrimEnd().Split('\n').TakeLast(lines));

    /// <summary>Returns the first match in what was printed since a position, or since the guest started.</summary>
    /// <exception cref="MachineException">The deadline passed, or the machine went off.</exception>
    public async Task<Match> WaitForAsync(Regex what, CancellationToken ct, TimeSpan? within = null, long? from = null)
    {
        return await WaitAsync($"the console prints {what}", All, within, ct);

        Match? All() => what.Match(text.From(from ?? bootedAt)) is { Success: true } match ? match : null;
    }

    /// <summary>Waits for the shell, and readies it for <see cref="RunAsync"/>.</summary>
    /// <exception cref="MachineException">The deadline passed, or the machine went off.</exception>
    public async Task LoginAsync(CancellationToken ct, TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? Patience, TimeProvider.System);
        // Nothing is typed before: a key would stop the boot loader's countdown.
        await WaitForAsync(LoggedIn(), ct, within);
        while (true)
        {
            // The shell that a login starts edits lines, with much terminal control: a plain one takes its place. What is
            // typed before it is there gets lost, so that this is said again until it is heard.
            var mark = NextMark();
            var from = Position;
            Send("exec env PS1= PS2= ENV= TERM=dumb PAGER=cat SYSTEMD_PAGER= /bin/sh\n");
            Send($"stty -echo cols 500; printf '\\n%s-%s\\n' {mark} ready\n");
            try
            {
                await WaitForAsync(
                    new Regex($"^{mark}-ready$", RegexOptions.Multiline | RegexOptions.NonBacktracking),
                    ct,
                    Handshake,
                    from
                );
                loggedIn = true;
                return;
            }
            catch (MachineException e) when (e.InnerException is TimeoutException && !deadline.IsCancellationRequested)
            { }
        }
    }

    /// <summary>
    /// Runs a command with bash as root, in a process of its own, without input, and returns what it ended with. What else
    /// is printed on the console meanwhile does no harm.
    /// </summary>
    /// <exception cref="MachineException">The deadline passed (the command is interrupted), or the machine went off.</exception>
    public async Task<Ran> RunAsync(string command, CancellationToken ct, TimeSpan? within = null)
    {
        RequireLogin($"'{command}' runs");
        var mark = NextMark();
        var file = "/run/" + mark;
        await TypeAsync(mark, Convert.ToBase64String(Encoding.UTF8.GetBytes(command)), ct);
        Send(
            $"printf %s \"$c\" | base64 -d >{file}; bash {file} </dev/null >{file}.out 2>{file}.err; echo $? >{file}.code; "
                + $"printf '\\n%s-%s\\n' {mark} ended\n"
        );
        try
        {
            await WaitForLineAsync($"{mark}-ended", $"'{command}' ends", within, ct);
        }
        catch
        {
            Send("\u0003\n");
            throw;
        }
        var code = Encoding.UTF8.GetString(await FetchAsync($"{file}.code", ct));
        var output = await FetchAsync($"{file}.out", ct);
        var errors = await FetchAsync($"{file}.err", ct);
        Send($"rm -f {file} {file}.*\n");
        return new(command, int.Parse(code, CultureInfo.InvariantCulture), output, Encoding.UTF8.GetString(errors));
    }

    /// <summary>Types a line without waiting for anything: for what ends the shell, such as a reboot.</summary>
    public void Type(string line) => Send(line + "\n");

    /// <summary>Reads what a machine that was just powered on prints, until it goes off.</summary>
    internal async Task ConnectAsync(string path, CancellationToken ct)
    {
        socket?.Dispose();
        socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
        lock (guard)
            isOn = true;
        reading = ReadAllAsync(socket);
    }

    /// <summary>The guest went off, or starts anew: all that it printed was read, and who was logged in is not.</summary>
    internal async Task ForgetAsync(bool staysOff)
    {
        try
        {
            await reading;
        }
        finally
        {
            lock (guard)
            {
                loggedIn = false;
                bootedAt = text.End;
                isOn = !staysOff;
            }
            Pulse();
        }
    }

    public void Dispose() => socket?.Dispose();

    private async Task ReadAllAsync(Socket from)
    {
        var buffer = new byte[1 << 16];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
            {
                lock (guard)
                    text.Append(buffer.AsSpan(0, count));
                Pulse();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The machine went off: said below.
        }
    }

    private async Task TypeAsync(string mark, string encoded, CancellationToken ct)
    {
        Send("c=\n");
        for (var (start, number) = (0, 0); start < encoded.Length; start += Chunk, number++)
        {
            Send($"c=${{c}}{encoded.AsSpan(start, Math.Min(Chunk, encoded.Length - start))}\n");
            if (start + Chunk >= encoded.Length)
                continue;
            Send($"printf '\\n%s-%s\\n' {mark} {number}\n");
            await WaitForLineAsync($"{mark}-{number}", "the shell takes what is typed", within: null, ct);
        }
    }

    // A file of the guest, as numbered lines. One that something else was printed into does not look like one; then the
    // whole is asked for again.
    private async Task<byte[]> FetchAsync(string file, CancellationToken ct)
    {
        const int attempts = 5;
        for (var attempt = 0; attempt < attempts; attempt++)
        {
            var mark = NextMark();
            var from = Position;
            Send(
                $"echo; n=0; base64 -w 76 {file} | {{ while read -r l; do n=$((n+1)); echo \"{mark}:$n:$l;\"; done; "
                    + $"printf '\\n%s-%s-%s-%s;\\n' {mark} end \"$n\" \"$(sha256sum <{file})\"; }}\n"
            );
            var end = await WaitAsync($"the shell prints {file}", End, within: null, ct);
            var lines = new SortedDictionary<int, string>();
            foreach (
                Match line in Regex.Matches(
                    Text(from),
                    $"^{mark}:([0-9]+):([A-Za-z0-9+/=]+);$",
                    RegexOptions.Multiline | RegexOptions.NonBacktracking
                )
            )
                lines[int.Parse(line.Groups[1].ValueSpan, CultureInfo.InvariantCulture)] = line.Groups[2].Value;
            if (lines.Count == int.Parse(end.Groups[1].ValueSpan, CultureInfo.InvariantCulture))
            {
                var bytes = Convert.FromBase64String(string.Concat(lines.Values));
                if (Convert.ToHexStringLower(SHA256.HashData(bytes)) == end.Groups[2].Value)
                    return bytes;
            }

            // Only what is new is searched: the output may be long.
            Match? End()
            {
                RequireLogin($"the shell prints {file}");
                var match = Regex.Match(
                    text.From(Math.Max(from, text.End - (1 << 17))),
                    $"{mark}-end-([0-9]+)-([0-9a-f]{{64}})",
                    RegexOptions.NonBacktracking
                );
                return match.Success ? match : null;
            }
        }
        throw failure($"{file} was printed {attempts} times, each time with other text in between", null);
    }

    private async Task WaitForLineAsync(string line, string what, TimeSpan? within, CancellationToken ct)
    {
        await WaitAsync(what, Found, within, ct);

        string? Found()
        {
            RequireLogin(what);
            return text.From(text.End - (1 << 17)).Contains(line + "\n", StringComparison.Ordinal) ? line : null;
        }
    }

    // Looks, under the lock, each time that something was printed.
    private async Task<T> WaitAsync<T>(string what, Func<T?> look, TimeSpan? within, CancellationToken ct)
        where T : class
    {
        var limit = within ?? Patience;
        using var deadline = new CancellationTokenSource(limit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        while (true)
        {
            Task pulse;
            lock (guard)
            {
                if (look() is { } found)
                    return found;
                if (!isOn)
                    throw failure($"the machine is off, and was awaited: {what}", null);
                pulse = changed.Task;
            }
            try
            {
                await pulse.WaitAsync(either.Token);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                throw failure($"not within {limit.TotalSeconds:0.#} s: {what}", new TimeoutException());
            }
        }
    }

    private void RequireLogin(string what)
    {
        if (!loggedIn)
            throw failure(
                $"nobody is logged in since the guest started (LoginAsync does that), and was awaited: {what}",
                null
            );
    }

    private void Send(string line)
    {
        try
        {
            socket?.Send(Encoding.UTF8.GetBytes(line));
        }
        catch (SocketException)
        {
            // The machine went off; who waits for an answer is told.
        }
    }

    private void Pulse()
    {
        TaskCompletionSource before;
        lock (guard)
            (before, changed) = (changed, NewPulse());
        before.SetResult();
    }

    // Never the same twice, also for another console of the same guest.
    private string NextMark() => $"h{Environment.ProcessId:x}{GetHashCode():x}n{Interlocked.Increment(ref lastMark)}";

    private static TaskCompletionSource NewPulse() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [GeneratedRegex(@"\(automatic login\)", RegexOptions.NonBacktracking)]
    private static partial Regex LoggedIn();
}

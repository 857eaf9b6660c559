using System.ComponentModel;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Deltas;

/// <summary>
/// The program <c>xdelta3</c>, which makes and applies deltas. It is run without a shell and without the caller's
/// environment, may write no file but its output, and is stopped when it takes too long or too much.
/// </summary>
public sealed partial class Xdelta
{
    private const string Program = "xdelta3";

    // How much of the old file it looks at at once, on both sides: with less, reading it goes back and forth, and with more
    // the deltas get no smaller and applying them takes more memory.
    private const long MaxWindow = 64L * 1024 * 1024;
    private const long MinWindow = 1024 * 1024;

    // 87 MB is what it takes; with its libraries it maps some more.
    private const long MaxMemory = 256L * 1024 * 1024;

    // Far below what the slowest disk gives.
    private const long LeastBytesPerSecond = 1024 * 1024;

    private const string Missing =
        $"{Program} is not on this machine, and deltas need it: install the package {Program}";

    private const UnixFileMode Executable =
        UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private static readonly TimeSpan ToBegin = TimeSpan.FromMinutes(1);

    private readonly TimeProvider clock;
    private readonly string searched;

    /// <summary>The one that is on the <c>PATH</c>.</summary>
    public Xdelta(TimeProvider clock)
        : this(clock, Environment.GetEnvironmentVariable("PATH") ?? "") { }

    /// <param name="clock">For how long it may take.</param>
    /// <param name="searched">Folders where it may be, as in <c>PATH</c>.</param>
    internal Xdelta(TimeProvider clock, string searched) => (this.clock, this.searched) = (clock, searched);

    /// <exception cref="RefusedException">The program is not there; the message says what to install.</exception>
    public void Demand() => Find();

    /// <summary>Writes what makes one file of another.</summary>
    /// <param name="from">The old file.</param>
    /// <param name="to">The new one.</param>
    /// <param name="delta">A file that does not exist yet.</param>
    /// <exception cref="RefusedException">The program is not there.</exception>
    /// <exception cref="IOException">It failed, for the reason that it gave.</exception>
    public async Task EncodeAsync(string from, string to, string delta, CancellationToken cancellationToken)
    {
        // -A: nothing of the files' names. -D: what looks compressed is bytes like others.
        using var process = Start("-e", "-9", "-q", "-A", "-D", "-B", WindowFor(from), "-s", from, to, delta);
        try
        {
            var bytes = new FileInfo(from).Length + new FileInfo(to).Length;
            await WithinTimeAsync(process, bytes, token => EndAsync(process, token), cancellationToken);
        }
        catch (InvalidDataException e)
        {
            throw new IOException($"no delta could be made: {e.Message}", e);
        }
    }

    /// <summary>Makes a file of another one and a delta, and hands it on while it is made.</summary>
    /// <param name="from">The old file.</param>
    /// <param name="delta">Known to be as it was signed.</param>
    /// <param name="result">What has to come of it.</param>
    /// <param name="output">Is given all of it, and is for the caller to complete.</param>
    /// <exception cref="InvalidDataException">Something else comes of it, or nothing.</exception>
    /// <exception cref="RefusedException">The program is not there.</exception>
    /// <exception cref="IOException">The output cannot be written.</exception>
    public async Task DecodeAsync(
        string from,
        string delta,
        Blob result,
        IBlobWriter output,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(result);
        ArgumentNullException.ThrowIfNull(output);
        // -R: what was compressed once is not compressed again.
        using var process = Start("-d", "-q", "-c", "-D", "-R", "-B", WindowFor(from), "-s", from, delta);
        Confine(process);
        await WithinTimeAsync(
            process,
            result.Size,
            async token =>
            {
                var digest = await PumpAsync(process, result.Size, output, token);
                await EndAsync(process, token);
                if (digest != result.Digest)
                    throw new InvalidDataException($"it became {digest}, and {result.Digest} was signed for");
            },
            cancellationToken
        );
    }

    // The least that holds all of it, up to the most: both sides come to the same.
    private static string WindowFor(string from)
    {
        var size = (ulong)new FileInfo(from).Length;
        return $"{Math.Clamp((long)BitOperations.RoundUpToPowerOf2(size), MinWindow, MaxWindow)}";
    }

    private static async Task<string> PumpAsync(
        Process process,
        long size,
        IBlobWriter output,
        CancellationToken cancellationToken
    )
    {
        var made = process.StandardOutput.BaseStream;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        try
        {
            await new Pieces().PumpAsync(
                size,
                piece => made.ReadExactlyAsync(piece, cancellationToken),
                piece =>
                    Task.WhenAll(
                        Task.Run(() => hash.AppendData(piece.Span), CancellationToken.None),
                        output.WriteAsync(piece, cancellationToken).AsTask()
                    )
            );
        }
        catch (EndOfStreamException e)
        {
            await process.WaitForExitAsync(cancellationToken);
            throw new InvalidDataException($"it became too little: {await SaidAsync(process, cancellationToken)}", e);
        }
        if (await made.ReadAsync(new byte[1], cancellationToken) > 0)
            throw new InvalidDataException($"it became more than the {size} bytes that were signed for");
        return Sha256.Finish(hash);
    }

    private static async Task EndAsync(Process process, CancellationToken cancellationToken)
    {
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
            throw new InvalidDataException(await SaidAsync(process, cancellationToken));
    }

    // Quiet as it is, it says a line or two, which a pipe holds.
    private static async Task<string> SaidAsync(Process process, CancellationToken cancellationToken)
    {
        var said = new char[1000];
        var length = await process.StandardError.ReadBlockAsync(said, cancellationToken);
        return $"{Program} ended with {process.ExitCode}: {new string(said, 0, length).ReplaceLineEndings(" ").Trim()}";
    }

    /// <summary>Does something with the program, which has ended when this returns, whatever came of it.</summary>
    private async Task WithinTimeAsync(
        Process process,
        long bytes,
        Func<CancellationToken, Task> work,
        CancellationToken cancellationToken
    )
    {
        var patience = ToBegin + TimeSpan.FromSeconds(bytes / LeastBytesPerSecond);
        using var deadline = new CancellationTokenSource(patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            await work(either.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new InvalidDataException($"{Program} has not ended within {patience.TotalSeconds:0} s", e);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }

    // By its full path: for a bare name, .NET would look beside its own program and in the current folder first.
    private string Find() =>
        searched
            .Split(':')
            .Where(Path.IsPathRooted)
            .Select(folder => Path.Combine(folder, Program))
            .FirstOrDefault(p => File.Exists(p) && (new FileInfo(p).UnixFileMode & Executable) is not UnixFileMode.None)
        ?? throw new RefusedException(Missing);

    private Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Find(), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // It takes more arguments from a variable.
        foreach (var name in start.Environment.Keys.Where(n => n != "PATH").ToList())
            start.Environment.Remove(name);
        try
        {
            var process = Process.Start(start)!;
            process.StandardInput.Close();
            return process;
        }
        catch (Win32Exception e) when (e.NativeErrorCode == NoSuchFile)
        {
            throw new RefusedException(Missing, e);
        }
        catch (Win32Exception e)
        {
            throw new RefusedException($"{start.FileName} cannot be started: {e.Message}", e);
        }
    }

    // ENOENT, a number of Linux.
    private const int NoSuchFile = 2;

    // RLIMIT_FSIZE, RLIMIT_CORE, RLIMIT_AS, numbers of Linux.
    private const int FileSize = 1;
    private const int CoreSize = 4;
    private const int Memory = 9;

    /// <summary>Its output is a pipe: whatever is in a delta, no file is written, and memory has an end.</summary>
    private static void Confine(Process process)
    {
        foreach (
            var (resource, limit) in (ReadOnlySpan<(int, long)>)[(FileSize, 0), (CoreSize, 0), (Memory, MaxMemory)]
        )
        {
            // It may have ended by now, which is for its exit code to tell.
            _ = SetLimit(process.Id, resource, new Limit(limit, limit), 0);
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Limit(long Soft, long Hard);

    [LibraryImport("libc", EntryPoint = "prlimit64")]
    private static partial int SetLimit(int process, int resource, in Limit limit, nint before);
}

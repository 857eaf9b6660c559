using System.Diagnostics;
#if FAILPOINTS
using System.Globalization;
using System.Runtime.InteropServices;
#endif

namespace Appliance.Agent.Storage;

/// <summary>
/// The places right before and right after each effect that outlives the agent, where a test may have it killed, or what it
/// works with. Not in the program that is shipped.
/// </summary>
/// <remarks>
/// <c>APPLIANCE_TEST_DIE_AT</c> (<c>before:3</c>, <c>after:3</c>) kills the agent at the n-th entry of a journal.
/// <c>APPLIANCE_TEST_FAILPOINTS</c> names a folder: each place that is passed is a line of its file <c>passed</c>
/// (<c>before step.Create</c>), and at the one that its file <c>armed</c> names (<c>before step.Create 2</c>: the second time
/// from now on) the agent stops as for SIGSTOP, until whoever armed it has done what it wanted and lets it go on.
/// </remarks>
internal static partial class Failpoint
{
    /// <summary>A transaction of a journal of intentions.</summary>
    public const string Journal = "journal";

    /// <summary>A received blob gets its name.</summary>
    public const string KeepBlob = "content.keep";

    /// <summary>Blobs that nothing needs are deleted.</summary>
    public const string CollectBlobs = "content.collect";

    /// <summary>The files of a release are put in their place.</summary>
    public const string PlaceRelease = "release.place";

    /// <summary>The files of releases that nothing needs are deleted.</summary>
    public const string CollectReleases = "release.collect";

    /// <summary>The engine is given an image.</summary>
    public const string SendImage = "image.send";

    /// <summary>What the engine was given is put on its disk.</summary>
    public const string FlushEngine = "image.flush";

    /// <summary>An image is taken from the engine.</summary>
    public const string RemoveImage = "image.remove";

    /// <summary>What a volume holds is kept under its name.</summary>
    public const string KeepVolume = "volume.keep";

    /// <summary>What a volume holds is moved away, or something else into its place.</summary>
    public const string MoveVolume = "volume.move";

    /// <summary>An agent that came with a release is put beside the others.</summary>
    public const string PlaceAgent = "agent.place";

    /// <summary>Another agent becomes the one that is to run.</summary>
    public const string ChooseAgent = "agent.choose";

    /// <summary>An agent reports that it is well.</summary>
    public const string ReportAgent = "agent.report";

    /// <summary>A configuration of ingress takes the place of the one before.</summary>
    public const string WriteIngress = "ingress.write";

    /// <summary>Ingress reads its configuration anew.</summary>
    public const string ReloadIngress = "ingress.reload";

    /// <summary>A server of ingress is changed while it runs.</summary>
    public const string ChangeServer = "ingress.server";

#if FAILPOINTS
    private const int SigStop = 19;

    private static readonly Lock Gate = new();
    private static readonly string[] DieAt = (
        Environment.GetEnvironmentVariable("APPLIANCE_TEST_DIE_AT") ?? ":0"
    ).Split(':');
    private static readonly string? Folder = Environment.GetEnvironmentVariable("APPLIANCE_TEST_FAILPOINTS");
    private static int entries;
#endif

    [Conditional("FAILPOINTS")]
    public static void Before(string name)
    {
#if FAILPOINTS
        if (name == Journal)
            DieIfAt("before", Interlocked.Increment(ref entries));
        Pass($"before {name}");
#endif
    }

    [Conditional("FAILPOINTS")]
    public static void After(string name)
    {
#if FAILPOINTS
        if (name == Journal)
            DieIfAt("after", Volatile.Read(ref entries));
        Pass($"after {name}");
#endif
    }

#if FAILPOINTS
    private static void DieIfAt(string side, int entry)
    {
        if (DieAt[0] != side || int.Parse(DieAt[1], CultureInfo.InvariantCulture) != entry)
            return;
        // SIGKILL: nothing is flushed, disposed of or said.
        using var self = Process.GetCurrentProcess();
        self.Kill();
        self.WaitForExit();
    }

    private static void Pass(string place)
    {
        if (Folder is null)
            return;
        lock (Gate)
        {
            File.AppendAllText(Path.Combine(Folder, "passed"), place + "\n");
            var file = Path.Combine(Folder, "armed");
            var armed = File.Exists(file) ? File.ReadAllText(file) : "";
            if (!armed.StartsWith(place + " ", StringComparison.Ordinal))
                return;
            var times = int.Parse(armed.AsSpan(place.Length + 1), CultureInfo.InvariantCulture);
            if (times > 1)
            {
                File.WriteAllText(file, $"{place} {(times - 1).ToString(CultureInfo.InvariantCulture)}");
                return;
            }
            File.Delete(file);
            // All threads stop, this one before it returns.
            _ = Kill(Environment.ProcessId, SigStop);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
#endif
}

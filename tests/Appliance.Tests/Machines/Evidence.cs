using System.Collections.Concurrent;
using System.Reflection;
using System.Text;
using Appliance.Testing;
using Appliance.Tests.Disks;
using Xunit.v3;

namespace Appliance.Tests.Machines;

/// <summary>
/// What a failed test leaves to be looked at: for each of its machines the console, QEMU's words and the guest's journal,
/// under artifacts/test-results/appliance/.
/// </summary>
internal sealed class Evidence
{
    private static readonly ConcurrentDictionary<string, Evidence> OfTests = new(StringComparer.Ordinal);

    private readonly ConcurrentQueue<Remains> machines = new();

    private readonly bool ofFixture;
    private volatile End? ended;
    private int kept;

    private Evidence(string name, bool ofFixture)
    {
        this.ofFixture = ofFixture;
        Folder = Path.Combine(Repository.Root, "artifacts/test-results/appliance", NameOf(name));
    }

    /// <summary>Where it is kept.</summary>
    public string Folder { get; }

    public static Evidence OfThisTest()
    {
        var now = TestContext.Current;
        return now.Test is { } test
            ? OfTests.GetOrAdd(test.UniqueID, _ => new(test.TestDisplayName, ofFixture: false))
            : new(
                now.TestClass?.TestClassName ?? now.TestCollection?.TestCollectionDisplayName ?? "all",
                ofFixture: true
            );
    }

    /// <summary>
    /// Takes what a machine leaves, until it is known how its test ended. A fixture's machine served many: that is always
    /// kept.
    /// </summary>
    public async Task AddAsync(Remains machine)
    {
        if (!ofFixture)
        {
            machines.Enqueue(machine);
            // A test that ran out of time is over while it still ends its machines.
            if (ended is { } end)
                await DrainAsync(end.Failed);
            return;
        }
        using var _ = machine.Scratch;
        Clear();
        await KeepAsync(machine, Folder);
    }

    /// <summary>The test has ended.</summary>
    public static async Task SettleAsync(string test, bool failed)
    {
        if (!OfTests.TryRemove(test, out var evidence))
            return;
        evidence.Clear();
        evidence.ended = new(failed);
        await evidence.DrainAsync(failed);
    }

    private async Task DrainAsync(bool failed)
    {
        while (machines.TryDequeue(out var machine))
        {
            using var _ = machine.Scratch;
            if (failed)
                await KeepAsync(machine, Path.Combine(Folder, $"{Interlocked.Increment(ref kept)}"));
        }
    }

    private void Clear()
    {
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
    }

    private static async Task KeepAsync(Remains machine, string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var log in new[] { "console.log", "qemu.log" }.Where(log => File.Exists(machine.Scratch[log])))
            File.Copy(machine.Scratch[log], Path.Combine(folder, log));
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2), TimeProvider.System);
        string journal;
        try
        {
            journal =
                machine.Data is { } data ? await Journal.ReadAsync(data, machine.Scratch.Path, deadline.Token)
                : machine.Disk is { } disk ? await Journal.ReadAsync(disk, machine.Scratch.Path, deadline.Token)
                : "nothing was taken off the disk\n";
        }
        catch (Exception e)
            when (e is InvalidOperationException or InvalidDataException or IOException or OperationCanceledException)
        {
            // The test's own failure is what counts.
            journal = $"the journal cannot be read: {e.Message}\n";
        }
        await File.WriteAllTextAsync(Path.Combine(folder, "journal.txt"), journal, CancellationToken.None);
    }

    private static string NameOf(string test)
    {
        var name = new StringBuilder();
        foreach (var c in test.AsSpan(0, Math.Min(test.Length, 150)))
            name.Append(char.IsAsciiLetterOrDigit(c) || c is '.' or '_' ? c : '-');
        return name.ToString();
    }

    private sealed record End(bool Failed);

    /// <summary>What is left of a machine.</summary>
    /// <param name="Scratch">Its folder, with what QEMU and the console said.</param>
    /// <param name="Disk">Its disk, if that lives as long as the folder.</param>
    /// <param name="Data">Else a copy of the partition with the journal, if there is one.</param>
    internal sealed record Remains(ScratchFolder Scratch, DiskImage? Disk, Ext4? Data);
}

/// <summary>Keeps the evidence of each test that failed, and cleans up after each.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class KeepsEvidenceAttribute : BeforeAfterTestAttribute
{
    /// <inheritdoc/>
    public override void After(MethodInfo methodUnderTest, IXunitTest test)
    {
        ArgumentNullException.ThrowIfNull(test);
        var failed = TestContext.Current.TestState?.Result == TestResult.Failed;
        // xunit has no place to wait in here; another thread does the work, so that nothing can wait for this one.
        Task.Run(() => Evidence.SettleAsync(test.UniqueID, failed)).GetAwaiter().GetResult();
    }
}

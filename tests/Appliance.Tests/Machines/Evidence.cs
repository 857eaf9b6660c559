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
        for (var number = 1; evidence.machines.TryDequeue(out var machine); number++)
        {
            using var _ = machine.Scratch;
            if (failed)
                await KeepAsync(machine, Path.Combine(evidence.Folder, $"{number}"));
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
            journal = await Journal.ReadAsync(machine.Disk, machine.Scratch.Path, deadline.Token);
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

    /// <summary>What is left of a machine.</summary>
    internal sealed record Remains(ScratchFolder Scratch, DiskImage Disk);
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

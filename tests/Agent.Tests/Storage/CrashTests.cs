using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Appliance.Agent.Tests.Storage;

public sealed class CrashTests
{
    private const string Role = "AGENT_TESTS_APPEND_TO";

    [Fact]
    public async Task An_agent_killed_while_it_writes_loses_nothing_that_it_acknowledged()
    {
        var ct = TestContext.Current.CancellationToken;
        using var scratch = new ScratchState();
        var acknowledged = 0L;
        for (var round = 0; round < 3; round++)
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
            start.Environment[Role] = scratch.Folder;
            using var child = Process.Start(start)!;
            for (var lines = 0; lines < 40; lines++)
            {
                var line = await child.StandardOutput.ReadLineAsync(ct);
                acknowledged = long.Parse(line ?? "the child ended", CultureInfo.InvariantCulture);
            }
            child.Kill();
            // What it wrote between the last read and its end was acknowledged, too.
            while (await child.StandardOutput.ReadLineAsync(ct) is { } line)
            {
                if (long.TryParse(line, CultureInfo.InvariantCulture, out var id))
                    acknowledged = Math.Max(acknowledged, id);
            }
            await child.WaitForExitAsync(ct);

            using var state = scratch.Open();
            Assert.Null(state.Database.Replaced);
            var events = state.Events.After(0, 100_000, null);
            Assert.True(events.Count >= acknowledged, $"{acknowledged} acknowledged, {events.Count} found");
            Assert.Equal(Enumerable.Range(1, events.Count).Select(i => (long)i), events.Select(e => e.Id));
            var verdict = state.Audit.Verify();
            Assert.True(verdict.Intact);
            Assert.True(verdict.Records >= acknowledged);
        }
    }

    /// <summary>The same binary, started with <see cref="Role"/> set, is the child: it appends until it is killed.</summary>
    [ModuleInitializer]
    internal static void AppendWhenAsked()
    {
        if (Environment.GetEnvironmentVariable(Role) is not { } folder)
            return;
        using var state = new OpenState(folder, 1_000_000, TimeProvider.System);
        using var output = Console.OpenStandardOutput();
        while (true)
        {
            state.Audit.Append(Samples.Audit());
            var id = state.Events.Append(Samples.Event("appended"));
            output.Write(System.Text.Encoding.ASCII.GetBytes($"{id}\n"));
        }
    }
}

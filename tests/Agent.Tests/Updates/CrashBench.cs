using System.Diagnostics;
using System.Globalization;
using Appliance.Agent.Tests.Host;
using Appliance.Agent.Tests.Ingress;
using Appliance.Agent.Tests.Running;
using Appliance.Docker;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What an operation is to come to, if nothing is killed.</summary>
public enum CrashCourse
{
    Install,
    Upgrade,

    /// <summary>An upgrade to what never gets healthy.</summary>
    TakenBack,

    /// <summary>An upgrade that changes the data so that the release before cannot use it.</summary>
    Breaking,

    /// <summary>The same, to what never gets healthy.</summary>
    BreakingTakenBack,
    Rollback,

    /// <summary>An upgrade to a release that brings another agent.</summary>
    SelfUpdate,
}

/// <summary>Who is killed at a place.</summary>
public enum Victim
{
    Agent,
    Engine,
    Both,
}

/// <summary>Whose file system is filled.</summary>
public enum FullDisk
{
    /// <summary>That of the agent's state, where it is not the engine's.</summary>
    State,

    /// <summary>The one that is both's, as in the virtual machine.</summary>
    Both,
}

/// <summary>What an operation did while there was no room.</summary>
/// <param name="Came"><c>done</c>, <c>waits</c>, <c>refused</c>, <c>failed</c>, <c>rolled back</c>.</param>
/// <param name="Why">In the agent's words.</param>
/// <param name="End">What it came to once there was room.</param>
internal sealed record WithoutRoom(string Came, string Why, string End);

/// <summary>
/// An appliance of its own, engine and ingress with it, on which operations are stopped at a place that they pass
/// (<see cref="Agent.Storage.Failpoint"/>), somebody is killed there, and what comes of it is looked at.
/// </summary>
internal sealed class CrashBench : IAsyncDisposable
{
    private const string NoRoom = "(?i)no space left|bytes free, and|is full";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly ScratchFolder folder = new();
    private readonly PrivateEngine engine;
    private readonly RealAgent agent;
    private SmallDisk? disk;
    private Process? haproxy;
    private int release;
    private string kept = "";
    private string brought = "";

    // What the release has written to both volumes that changed them last: of what runs, and of what runs if an operation
    // does not take effect, or does.
    private string format = "none";
    private (string Before, string After) formats;

    private CrashBench(PrivateEngine engine)
    {
        (this.engine, agent) = (engine, RealAgent.On(engine));
        agent.ExpectsErrors = true;
        agent.Launcher = [GuardianTests.Program, agent.Versions];
        agent.Environment["APPLIANCE_TEST_FAILPOINTS"] = folder["places"];
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string Passed => folder["places/passed"];

    private string Armed => folder["places/armed"];

    /// <summary>An appliance that runs, with nothing installed.</summary>
    public static Task<CrashBench> StartAsync(PrivateEngine engine) => StartAsync(engine, isFull: null);

    /// <summary>As <see cref="StartAsync(PrivateEngine)"/>, where a disk may be filled.</summary>
    /// <param name="engine">On a disk of its own for <see cref="FullDisk.Both"/>.</param>
    /// <param name="isFull">Null: none is.</param>
    public static async Task<CrashBench> StartAsync(PrivateEngine engine, FullDisk? isFull)
    {
        var bench = new CrashBench(engine);
        if (isFull is FullDisk.State)
        {
            bench.disk = SmallDisk.OnLoop(bench.agent.Data, mebibytes: 32);
        }
        else if (isFull is FullDisk.Both)
        {
            bench.disk = engine.Disk;
            var state = Directory.CreateDirectory(Path.Combine(engine.DataFolder, bench.agent.Project));
            Directory.CreateSymbolicLink(bench.agent.Data, state.FullName);
        }
        Directory.CreateDirectory(bench.folder["places"]);
        await File.WriteAllTextAsync(
            bench.agent.Settings,
            $"""
            supervision:
              backoff-first: 200ms
              backoff-ceiling: 2s
              stable-after: 5s
            ingress:
              bind-address: 127.0.0.1
              http-port: {Upstream.FreePort()}
              https-port: {Upstream.FreePort()}
              run-directory: {bench.folder["run"]}
              haproxy: {RealIngress.Program}

            """,
            Ct
        );
        Directory.CreateDirectory(
            bench.agent.Data,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
        bench.haproxy = RealIngress.Start(
            Path.Combine(bench.agent.Data, "ingress"),
            bench.folder["run"],
            withRoute: false
        );
        bench.haproxy.OutputDataReceived += static (_, _) => { };
        bench.haproxy.ErrorDataReceived += static (_, _) => { };
        bench.haproxy.BeginOutputReadLine();
        bench.haproxy.BeginErrorReadLine();
        await bench.agent.StartAsync();
        return bench;
    }

    public async ValueTask DisposeAsync()
    {
        if (haproxy is not null)
        {
            haproxy.Kill(entireProcessTree: true);
            await haproxy.WaitForExitAsync(CancellationToken.None);
            haproxy.Dispose();
        }
        if (disk is not null && disk != engine.DiskOrNull)
            disk.Dispose();
        await agent.DisposeAsync();
        folder.Dispose();
    }

    /// <summary>All places that an operation passes when nothing is killed, in their order, each as often as it is passed.</summary>
    public async Task<IReadOnlyList<string>> PlacesOfAsync(CrashCourse course)
    {
        // One that is kept for a rollback, and one that is given up for it.
        for (var before = 0; before < 2 && course is not CrashCourse.Install; before++)
            await GoesOnAsync();
        var (begin, _, _) = await PrepareAsync(course);
        File.Delete(Passed);
        await begin();
        return await File.ReadAllLinesAsync(Passed, Ct);
    }

    /// <summary>Each place with which time it is that it is passed.</summary>
    public static List<(string Place, int Time)> Counted(IReadOnlyList<string> passed)
    {
        var times = new Dictionary<string, int>();
        return
        [
            .. passed.Select(place =>
            {
                times[place] = times.GetValueOrDefault(place) + 1;
                return (place, times[place]);
            }),
        ];
    }

    /// <summary>
    /// Kills at the n-th time that the operation passes a place, and holds that one release runs whole, with its data; and, if
    /// one is made that nobody disturbs, that the next attempt succeeds.
    /// </summary>
    /// <returns>False: the operation did not come to the place so often.</returns>
    public async Task<bool> SurvivesAsync(CrashCourse course, string place, int time, Victim victim, bool goesOn = true)
    {
        var (begin, before, after) = await PrepareAsync(course);
        var newest = (await NewestAsync())?.Id;
        await File.WriteAllTextAsync(Armed, $"{place} {time.ToString(CultureInfo.InvariantCulture)}", Ct);
        Task<Operation>? work = null;
        try
        {
            work = begin();
            await Eventually.TrueAsync(
                "the place is reached, or the operation ends",
                () => work.IsCompleted || IsStopped(agent.Pid),
                Ct,
                Patience
            );
            var wasReached = !work.IsCompleted;
            if (wasReached)
                await KillAsync(victim);
            File.Delete(Armed);
            var operation = await EndAsync(work, newest) ?? await begin();
            await HasEndedWholeAsync(operation, before, after);
            if (course is CrashCourse.SelfUpdate)
                await RunsItsAgentAsync(operation.State is OperationState.Done);
            if (goesOn)
                await GoesOnAsync();
            return wasReached;
        }
        catch (Exception e)
        {
            throw new InvalidOperationException(
                $"{course}, {victim} killed {place} ({time}): {e.Message}\n{agent.Log}",
                e
            );
        }
        finally
        {
            File.Delete(Armed);
        }
    }

    /// <summary>
    /// Fills the disk to its last byte at the n-th time that the operation passes a place, and makes room again once it has
    /// ended or says why it waits. Holds that the agent lives and says why, that one release runs whole, with its data, and
    /// that the next attempt succeeds.
    /// </summary>
    /// <returns>Null: the operation did not come to the place so often.</returns>
    public async Task<WithoutRoom?> FillsUpAsync(CrashCourse course, string place, int time)
    {
        var full = disk ?? throw new InvalidOperationException("there is no disk to fill");
        // What is taken back for another reason says that one.
        var isWell = course is not (CrashCourse.TakenBack or CrashCourse.BreakingTakenBack);
        var (begin, before, after) = await PrepareAsync(course);
        // Of the log of its state SQLite keeps what it once took: a fresh one has to grow with each entry.
        await agent.StopAsync();
        await agent.StartAsync();
        var newest = (await NewestAsync())?.Id;
        await File.WriteAllTextAsync(Armed, $"{place} {time.ToString(CultureInfo.InvariantCulture)}", Ct);
        try
        {
            var pid = agent.Pid;
            var work = begin();
            await Eventually.TrueAsync(
                "the place is reached, or the operation ends",
                () => work.IsCompleted || IsStopped(pid),
                Ct,
                Patience
            );
            WithoutRoom? came = null;
            if (!work.IsCompleted)
            {
                full.Fill();
                Posix.Kill(pid, Posix.SigCont);
                came = await MeanwhileAsync(work, isWell);
                full.Free();
            }
            File.Delete(Armed);
            var operation = await EndAsync(work, newest) ?? await begin();
            Assert.Equal(pid, agent.Pid);
            await HasEndedWholeAsync(operation, before, after);
            if (came is not null && isWell && operation.State is not OperationState.Done)
                Assert.Matches(NoRoom, operation.Reason);
            // Where it was done all the same, the next place's is the next attempt.
            if (operation.State is not OperationState.Done)
                await GoesOnAsync();
            return came is null ? null : came with { End = $"{operation.State}" };
        }
        catch (Exception e)
        {
            throw new InvalidOperationException(
                $"{course}, the disk was full {place} ({time}): {e.Message}\n{agent.Log}",
                e
            );
        }
        finally
        {
            full.Free();
            File.Delete(Armed);
        }
    }

    /// <summary>What an operation comes to, or says that it waits for, while there is no room.</summary>
    private async Task<WithoutRoom> MeanwhileAsync(Task<Operation> work, bool isWell)
    {
        var waits = await Eventually.GetAsync(
            "the operation ends, or says why it waits",
            async _ =>
                work.IsCompleted ? ""
                : await NewestAsync() is { Waiting.Length: > 0 } newest ? newest.Waiting
                : null,
            Ct,
            Patience
        );
        if (waits.Length > 0)
        {
            Assert.Matches(NoRoom, waits);
            // It is there to be asked, and people need no log.
            await Eventually.TrueAsync(
                "its status tells of the disk",
                async ct =>
                    (await agent.Status.GetStatusAsync(new GetStatusRequest(), cancellationToken: ct)).Problems.Any(p =>
                        p.Contains(" % used: ", StringComparison.Ordinal)
                    ),
                Ct
            );
            return new WithoutRoom("waits", waits, "");
        }
        try
        {
            var operation = await work;
            if (isWell && operation.State is not OperationState.Done)
                Assert.Matches(NoRoom, operation.Reason);
            return new WithoutRoom($"{operation.State}", operation.Reason, "");
        }
        catch (RpcException e)
        {
            Assert.Matches(NoRoom, e.Status.Detail);
            return new WithoutRoom($"{e.StatusCode}", e.Status.Detail, "");
        }
    }

    /// <returns>What begins the operation and follows it to its end, and what runs if it does not take effect, or does.</returns>
    private async Task<(Func<Task<Operation>> Begin, string Before, string After)> PrepareAsync(CrashCourse course)
    {
        var before = await agent.VersionAsync();
        if (course is CrashCourse.Install)
        {
            Assert.Equal("", before);
            formats = (format, format);
            return (await UpgradeToNextAsync(), before, Version);
        }
        if (before.Length == 0)
        {
            await GoesOnAsync();
            before = Version;
        }
        if (course is CrashCourse.Rollback)
        {
            var (back, old) = (before, format);
            await GoesOnAsync(breaks: true);
            formats = (format, old);
            return (RollBackAsync, Version, back);
        }
        if (course is CrashCourse.SelfUpdate)
        {
            brought = AgentTakeoverTests.Bring(agent, $"{release + 1}");
            var upgrade = await UpgradeToNextAsync();
            agent.Signer.Agent = null;
            formats = (format, format);
            return (upgrade, before, Version);
        }
        var isWell = course is not (CrashCourse.TakenBack or CrashCourse.BreakingTakenBack);
        var breaks = course is CrashCourse.Breaking or CrashCourse.BreakingTakenBack;
        var begin = await UpgradeToNextAsync(isWell, breaks);
        formats = (format, breaks ? Version : format);
        return (begin, before, Version);
    }

    private async Task<Operation> RollBackAsync()
    {
        var plan = await agent.Updates.PlanRollbackAsync(new PlanRollbackRequest(), cancellationToken: Ct);
        return await agent.RollBackAsync(plan.LosesDataSince);
    }

    private string Version => $"{release}.0.0";

    private async Task<Func<Task<Operation>>> UpgradeToNextAsync(bool isWell = true, bool breaks = false)
    {
        release++;
        var image = BusyboxImage.Build(
            new ImageRecipe
            {
                Reference = $"appliance-test/{agent.Project}:{release}",
                Cmd = ["sh", "-c", "exec httpd -f -p 8080 -h /www"],
                Files = new Dictionary<string, string> { ["/www/index.html"] = Version },
            }
        );
        var bundle = await agent.BundleAsync(Version, Compose(image.Reference, isWell, breaks), image);
        return async () =>
        {
            var staged = await agent.StageAsync(bundle);
            var begun = await agent.Updates.StartUpgradeAsync(
                new StartUpgradeRequest { Digest = staged.Digest },
                cancellationToken: Ct
            );
            return await agent.EndThroughRestartsAsync(begun.Id);
        };
    }

    /// <summary>The next attempt, which nobody disturbs.</summary>
    public async Task GoesOnAsync(bool breaks = false)
    {
        var operation = await (await UpgradeToNextAsync(breaks: breaks))();
        Assert.Equal((OperationState.Done, ""), (operation.State, operation.Reason));
        format = breaks ? Version : format;
        await RunsWholeAsync(Version);
        if (kept.Length == 0)
        {
            kept = Guid.NewGuid().ToString();
            await InDataAsync($"echo {kept} > /rows/kept && sync");
        }
    }

    private async Task KillAsync(Victim victim)
    {
        if (victim is not Victim.Agent)
            await engine.KillAsync(Ct);
        if (victim is Victim.Engine)
            Posix.Kill(agent.Pid, Posix.SigCont);
        else
            await agent.KillAsync();
        if (victim is not Victim.Agent)
            await engine.RestartAsync(Ct);
        if (victim is not Victim.Engine)
            await agent.StartAsync();
    }

    /// <returns>How the operation ended; null: it had not been begun.</returns>
    private async Task<Operation?> EndAsync(Task<Operation> work, string? before)
    {
        try
        {
            return await work;
        }
        // Its agent died, or its engine did while it was taken in.
        catch (RpcException)
        {
            return await NewestAsync() is { } found && found.Id != before
                ? await agent.EndThroughRestartsAsync(found.Id)
                : null;
        }
    }

    private async Task HasEndedWholeAsync(Operation operation, string before, string after)
    {
        Assert.Contains(
            operation.State,
            (OperationState[])
                [OperationState.Done, OperationState.RolledBack, OperationState.Failed, OperationState.Refused]
        );
        var isDone = operation.State is OperationState.Done;
        format = isDone ? formats.After : formats.Before;
        await RunsWholeAsync(isDone ? after : before);
        var audit = await agent.Audit.VerifyAuditAsync(new VerifyAuditRequest(), cancellationToken: Ct);
        Assert.True(audit.Intact);
    }

    /// <summary>What an operation came to holds for the agent too; it may still be on its way back.</summary>
    private Task RunsItsAgentAsync(bool isBrought) =>
        Eventually.TrueAsync(
            $"the agent that the release brought {(isBrought ? "runs" : "runs no more")}",
            async _ =>
            {
                await agent.RestartedIfEndedAsync();
                return (AgentTakeoverTests.Running(agent) == brought) == isBrought;
            },
            Ct,
            TimeSpan.FromSeconds(40)
        );

    /// <summary>That release runs and no other, with the data that it had, and nothing is under way.</summary>
    private async Task RunsWholeAsync(string version)
    {
        await Eventually.TrueAsync(
            $"nothing but {(version.Length > 0 ? version : "no release")} runs",
            async _ =>
            {
                try
                {
                    await agent.RunsWholeAsync(version);
                    return true;
                }
                catch (Xunit.Sdk.XunitException)
                {
                    return false;
                }
            },
            Ct,
            TimeSpan.FromSeconds(40)
        );
        if (version.Length == 0)
            return;
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.BecomesAsync("data", ServiceState.Running);
        Assert.Equal(version, await agent.SaysAsync("web"));
        if (kept.Length > 0)
            Assert.Equal(kept, await InDataAsync("cat /rows/kept"));
        foreach (var volume in (string[])["rows", "more"])
            Assert.Equal(format, await InDataAsync($"cat /{volume}/format 2>/dev/null || echo none"));
    }

    private async Task<string> InDataAsync(string command)
    {
        var result = await agent.Engine.Containers.ExecAsync(
            $"{agent.Project}-data-1",
            new ExecSpec { Command = ["sh", "-c", command] },
            1000,
            Ct
        );
        Assert.Equal((0, ""), (result.ExitCode, result.Stderr));
        return result.Stdout.Trim();
    }

    private async Task<Operation?> NewestAsync() =>
        (
            await agent.Operations.ListOperationsAsync(new ListOperationsRequest { Limit = 1 }, cancellationToken: Ct)
        ).Operations.FirstOrDefault();

    private static bool IsStopped(int pid)
    {
        string stat;
        try
        {
            stat = File.ReadAllText($"/proc/{pid}/stat");
        }
        // It has ended by itself, and is being started again.
        catch (IOException)
        {
            return false;
        }
        return stat[(stat.LastIndexOf(')') + 2)..].StartsWith('T');
    }

    private string Compose(string image, bool isWell, bool breaks) =>
        $$$"""
            services:
              web:
                image: {{{image}}}
                stop_signal: SIGKILL
                labels: {release: "{{{Version}}}"}
                healthcheck: {test: ["CMD-SHELL", "{{{(
                isWell ? "true" : "false"
            )}}}"], interval: 200ms, timeout: 2s, retries: 2, start_period: 0s}
                deploy: {update_config: {monitor: 100ms, order: start-first}}
                depends_on: [data]
                x-appliance: {ingress: [8080]}
              data:
                image: {{{RealAgent.Image}}}
                stop_signal: SIGKILL
                labels: {release: "{{{Version}}}"}
                volumes: [rows:/rows, more:/more]
                command: ["sh", "-c", "{{{(
                breaks ? $"echo {Version} > /rows/format; echo {Version} > /more/format;" : ""
            )}}} exec sleep 1000000"]
                deploy: {update_config: {monitor: 100ms}}
            volumes:
              rows: {x-appliance: {data: {{{(breaks ? "breaking" : "none")}}}}}
              more: {x-appliance: {data: {{{(breaks ? "breaking" : "none")}}}}}
            """;
}

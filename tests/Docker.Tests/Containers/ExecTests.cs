using Appliance.Testing;

namespace Appliance.Docker.Tests.Containers;

public sealed class ExecTests(SharedEngine shared) : EngineTest(shared)
{
    [Fact]
    public async Task A_command_answers_with_its_outputs_and_exit_code()
    {
        var id = await StartAsync(Box());
        var spec = new ExecSpec
        {
            Command = ["sh", "-c", "echo \"$WHO in $(pwd) as $(id -u)\"; echo oops >&2; exit 3"],
            Env = ["WHO=me"],
            User = "65534",
            WorkingDir = "/tmp",
        };
        var result = await Client.Containers.ExecAsync(id, spec, 1000, Ct);
        Assert.Equal(new ExecResult(3, "me in /tmp as 65534\n", "oops\n", Truncated: false), result);
    }

    [Fact]
    public async Task More_output_than_wanted_is_dropped_and_said_so()
    {
        var id = await StartAsync(Box());
        var spec = new ExecSpec { Command = ["sh", "-c", "dd if=/dev/zero bs=1024 count=2000 2>/dev/null"] };
        var result = await Client.Containers.ExecAsync(id, spec, 1000, Ct);
        Assert.True(result.Truncated);
        Assert.Equal(1000, result.Stdout.Length);
        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public async Task A_missing_program_is_an_exit_code_or_a_refusal_that_names_it()
    {
        var id = await StartAsync(Box());
        var result = await Client.Containers.ExecAsync(id, new() { Command = ["/no/such"] }, 1000, Ct);
        Assert.Contains(result.ExitCode, (int[])[126, 127]);
        Assert.Contains("/no/such", result.Stdout + result.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stopped_container_runs_no_command()
    {
        var id = await CreateAsync(Box());
        await Assert.ThrowsAsync<EngineConflictException>(() =>
            Client.Containers.ExecAsync(id, new() { Command = ["true"] }, 1000, Ct)
        );
    }

    [Fact]
    public async Task A_command_that_is_no_longer_awaited_can_still_be_found()
    {
        var id = await StartAsync(Box());
        var exec = await Client.Containers.CreateExecAsync(
            id,
            new() { Command = ["sh", "-c", "echo on; sleep 60"] },
            Ct
        );
        await foreach (var frame in Client.Containers.StartExecAsync(exec, Ct))
        {
            Assert.Equal("on\n"u8, frame.Data.Span);
            break;
        }
        // The engine records that it runs beside handing out its output, not before.
        var seen = await Eventually.GetAsync(
            "the engine says that it runs",
            async ct =>
                await Client.Containers.InspectExecAsync(exec, ct) is { Running: true, Pid: > 0 } found ? found : null,
            Ct
        );
        Assert.Equal(id, seen.ContainerId);
    }
}

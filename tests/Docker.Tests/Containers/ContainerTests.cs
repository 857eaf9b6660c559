using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Appliance.Testing;

namespace Appliance.Docker.Tests.Containers;

public sealed class ContainerTests(SharedEngine shared) : EngineTest(shared)
{
    [Fact]
    public async Task A_container_goes_through_its_life()
    {
        var id = await CreateAsync(Box());
        Assert.Equal(ContainerStatus.Created, (await InspectAsync(id)).State.Status);

        Assert.True(await Client.Containers.StartAsync(id, Ct));
        var running = await InspectAsync(id);
        Assert.Equal(ContainerStatus.Running, running.State.Status);
        Assert.True(running.State.Pid > 0);
        Assert.NotNull(running.State.StartedAt);
        Assert.Null(running.State.FinishedAt);
        Assert.Equal(Run, running.Name);
        Assert.Equal(SharedEngine.Image.Id, running.ImageId);

        await Client.Containers.PauseAsync(id, Ct);
        Assert.Equal(ContainerStatus.Paused, (await InspectAsync(id)).State.Status);
        await Client.Containers.UnpauseAsync(id, Ct);

        await Client.Containers.RestartAsync(id, TimeSpan.Zero, Ct);
        Assert.NotEqual(running.State.Pid, (await InspectAsync(id)).State.Pid);

        await Client.Containers.RenameAsync(id, Run + "-renamed", Ct);
        Assert.Equal(Run + "-renamed", (await InspectAsync(id)).Name);

        Assert.True(await Client.Containers.StopAsync(id, TimeSpan.FromSeconds(5), signal: null, Ct));
        var stopped = await InspectAsync(id);
        Assert.Equal(ContainerStatus.Exited, stopped.State.Status);
        Assert.Equal(143, stopped.State.ExitCode);
        Assert.NotNull(stopped.State.FinishedAt);

        await Client.Containers.RemoveAsync(id, force: false, removeAnonymousVolumes: true, Ct);
        await Assert.ThrowsAsync<EngineNotFoundException>(() => InspectAsync(id));
    }

    [Fact]
    public async Task Starting_and_stopping_twice_is_no_failure()
    {
        var id = await StartAsync(Box());
        Assert.False(await Client.Containers.StartAsync(id, Ct));
        Assert.True(await Client.Containers.StopAsync(id, TimeSpan.FromSeconds(5), signal: null, Ct));
        Assert.False(await Client.Containers.StopAsync(id, TimeSpan.FromSeconds(5), signal: null, Ct));
    }

    [Fact]
    public async Task A_container_that_ignores_the_signal_is_killed_after_the_grace_period()
    {
        var spec = Box("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done");
        var id = await StartAsync(spec with { HostConfig = new() { NetworkMode = "none" } });
        await foreach (var _ in Client.Containers.LogLinesAsync(id, new() { Follow = true }, Ct))
            break;
        Assert.True(await Client.Containers.StopAsync(id, TimeSpan.FromSeconds(1), signal: null, Ct));
        Assert.Equal(137, (await InspectAsync(id)).State.ExitCode);
    }

    [Fact]
    public async Task The_engines_own_words_come_with_every_refusal()
    {
        var missing = await Assert.ThrowsAsync<EngineNotFoundException>(() => InspectAsync(Run));
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        Assert.Contains($"No such container: {Run}", missing.Message, StringComparison.Ordinal);

        var image = await Assert.ThrowsAsync<EngineNotFoundException>(() =>
            CreateAsync(Box() with { Image = "test/none:1" })
        );
        Assert.Contains("test/none:1", image.Message, StringComparison.Ordinal);

        var id = await CreateAsync(Box());
        var taken = await Assert.ThrowsAsync<EngineConflictException>(() => CreateAsync(Box()));
        Assert.Contains(id, taken.Message, StringComparison.Ordinal);

        await Assert.ThrowsAsync<EngineConflictException>(() => Client.Containers.KillAsync(id, "KILL", Ct));

        var program = await Assert.ThrowsAnyAsync<DockerEngineException>(() =>
            StartAsync(Box("/no/such") with { HostConfig = new() { NetworkMode = "none" } }, "-bad")
        );
        Assert.Contains("/no/such", program.Message, StringComparison.Ordinal);

        var bad = await Assert.ThrowsAsync<DockerEngineException>(() =>
            CreateAsync(Box() with { HostConfig = new() { Memory = 1 } }, "-small")
        );
        Assert.Equal(HttpStatusCode.BadRequest, bad.StatusCode);
    }

    [Fact]
    public async Task A_name_that_is_no_path_is_escaped()
    {
        await Assert.ThrowsAnyAsync<DockerEngineException>(() => InspectAsync("../info?x=1"));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => InspectAsync(""));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Everything_that_a_service_declares_arrives()
    {
        using var folder = new ScratchFolder();
        await File.WriteAllTextAsync(folder["hello"], "hi", Ct);
        // The container's user is to look inside.
        File.SetUnixFileMode(folder.Path, File.GetUnixFileMode(folder.Path) | UnixFileMode.OtherExecute);
        await Client.Volumes.CreateAsync(new() { Name = Run, Labels = Labels }, Ct);
        var spec = new ContainerSpec
        {
            Image = SharedEngine.Image.Reference,
            Entrypoint = ["sh", "-c"],
            Cmd = ["sleep 1000"],
            Env = ["A=1", "EMPTY="],
            ExposedPorts = ["81/udp"],
            Labels = Labels,
            User = "65534:65534",
            WorkingDir = "/tmp",
            Hostname = "box",
            Healthcheck = new()
            {
                Test = ["CMD", "true"],
                Interval = TimeSpan.FromSeconds(7),
                Timeout = TimeSpan.FromSeconds(2.5),
                StartPeriod = TimeSpan.FromSeconds(3),
                Retries = 4,
            },
            StopSignal = "SIGINT",
            StopTimeout = 3,
            Volumes = ["/anonymous"],
            HostConfig = new()
            {
                NetworkMode = "none",
                Binds = [$"{folder.Path}:/bound:ro"],
                Mounts =
                [
                    new()
                    {
                        Type = MountType.Volume,
                        Source = Run,
                        Target = "/data",
                        VolumeOptions = new() { NoCopy = true },
                    },
                    new()
                    {
                        Type = MountType.Bind,
                        Source = folder["hello"],
                        Target = "/hello",
                        ReadOnly = true,
                        BindOptions = new() { Propagation = "rprivate" },
                    },
                    new()
                    {
                        Type = MountType.Tmpfs,
                        Target = "/scratch",
                        TmpfsOptions = new() { SizeBytes = 1 << 20, Mode = 0b111_111_111 },
                    },
                ],
                Tmpfs = new Dictionary<string, string> { ["/run"] = "size=64k,mode=1777" },
                PortBindings = new Dictionary<string, IReadOnlyList<PortBinding>?>
                {
                    ["80/tcp"] = [new() { HostIp = "127.0.0.1", HostPort = "18080" }],
                },
                RestartPolicy = new() { Name = "on-failure", MaximumRetryCount = 2 },
                Memory = 64 << 20,
                MemoryReservation = 32 << 20,
                NanoCpus = 500_000_000,
                PidsLimit = 64,
                CapAdd = ["NET_ADMIN"],
                CapDrop = ["MKNOD"],
                SecurityOpt = ["no-new-privileges"],
                ReadonlyRootfs = true,
                Init = true,
                Ulimits =
                [
                    new()
                    {
                        Name = "nofile",
                        Soft = 100,
                        Hard = 200,
                    },
                ],
                Sysctls = new Dictionary<string, string> { ["net.ipv4.ip_local_port_range"] = "2000 3000" },
                ShmSize = 8 << 20,
                ExtraHosts = ["db:198.51.100.1"],
                Dns = ["198.51.100.53"],
                DnsSearch = ["example.test"],
                DnsOptions = ["ndots:2"],
                LogConfig = new()
                {
                    Type = "json-file",
                    Config = new Dictionary<string, string> { ["max-size"] = "1m" },
                },
                GroupAdd = ["4"],
                IpcMode = "private",
                OomScoreAdj = 100,
            },
        };
        var id = await StartAsync(spec);
        var seen = await InspectAsync(id);

        Assert.Equal(spec.Entrypoint, seen.Config.Entrypoint);
        Assert.Equal(spec.Cmd, seen.Config.Cmd);
        Assert.Contains("EMPTY=", seen.Config.Env!);
        Assert.Contains("81/udp", seen.Config.ExposedPorts!);
        Assert.Equal("image", seen.Config.Labels["from"]);
        Assert.Equal(Run, seen.Config.Labels[Marker]);
        Assert.Equal(spec.User, seen.Config.User);
        Assert.Equal(spec.Hostname, seen.Config.Hostname);
        Assert.Equal(spec.StopSignal, seen.Config.StopSignal);
        Assert.Equal(spec.StopTimeout, seen.Config.StopTimeout);
        Assert.Equal(spec.Healthcheck.Test, seen.Config.Healthcheck!.Test);
        Assert.Equal(spec.Healthcheck.Timeout, seen.Config.Healthcheck.Timeout);
        Assert.Equal(spec.Healthcheck.Retries, seen.Config.Healthcheck.Retries);
        Assert.Equal(["/anonymous"], seen.Config.Volumes);
        Assert.NotNull(seen.State.Health);

        var host = seen.HostConfig;
        Assert.Equal(spec.HostConfig.Memory, host.Memory);
        Assert.Equal(spec.HostConfig.MemoryReservation, host.MemoryReservation);
        Assert.Equal(spec.HostConfig.NanoCpus, host.NanoCpus);
        Assert.Equal(spec.HostConfig.PidsLimit, host.PidsLimit);
        Assert.Equal(spec.HostConfig.CapAdd, host.CapAdd!.Select(c => c.Replace("CAP_", "", StringComparison.Ordinal)));
        Assert.Equal(spec.HostConfig.Ulimits, host.Ulimits);
        Assert.Equal(spec.HostConfig.RestartPolicy, host.RestartPolicy);
        Assert.Equal(spec.HostConfig.ShmSize, host.ShmSize);
        Assert.Equal(spec.HostConfig.ExtraHosts, host.ExtraHosts);
        Assert.Equal("18080", host.PortBindings!["80/tcp"]![0].HostPort);
        Assert.True(host.ReadonlyRootfs);

        Assert.Contains(seen.Mounts, m => m is { Type: MountType.Volume, Destination: "/data", Writable: true });
        Assert.Contains(seen.Mounts, m => m is { Type: MountType.Bind, Destination: "/bound", Writable: false });
        Assert.Contains(seen.Mounts, m => m is { Type: MountType.Volume, Destination: "/anonymous", Name.Length: 64 });

        // The hard limit: what is executed in a container may have its soft one raised by the runtime that enters it.
        const string script = """
            echo "$A $(id -u) $(pwd) $(hostname) $(ulimit -Hn) $(cat /hello) $(cat /bound/hello)"
            grep -c 'db' /etc/hosts
            cat /proc/sys/net/ipv4/ip_local_port_range
            touch /scratch/x && touch /x
            """;
        var inside = await Client.Containers.ExecAsync(id, new() { Command = ["sh", "-c", script] }, 4096, Ct);
        Assert.Equal("1 65534 /tmp box 200 hi hi\n1\n2000\t3000\n", inside.Stdout);
        Assert.Contains("Read-only file system", inside.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_narrows_by_label_name_and_status()
    {
        var first = await StartAsync(Box(), "-a");
        var second = await CreateAsync(Box(), "-b");

        Assert.Equal([first], await ListAsync(new() { Labels = [Label] }));
        Assert.Equal([second, first], await ListAsync(new() { All = true, Labels = [Label] }));
        Assert.Equal([second], await ListAsync(new() { All = true, Names = [$"^/{Run}-b$"] }));
        Assert.Equal([second], await ListAsync(new() { Labels = [Label], Statuses = [ContainerStatus.Created] }));
        Assert.Equal([first], await ListAsync(new() { Ids = [first[..12]] }));
        Assert.Empty(await ListAsync(new() { All = true, Labels = [Label, "another=label"] }));

        var summary = (await Client.Containers.ListAsync(new() { Labels = [Label] }, Ct)).Single();
        Assert.Equal($"{Run}-a", summary.Name);
        Assert.Equal(ContainerStatus.Running, summary.State);
        Assert.Equal(SharedEngine.Image.Reference, summary.Image);
        Assert.Equal(SharedEngine.Image.Id, summary.ImageId);
        Assert.Equal(Run, summary.Labels[Marker]);
        Assert.StartsWith("Up ", summary.Status, StringComparison.Ordinal);
        Assert.Contains("none", summary.NetworkSettings.Networks);
        Assert.True(summary.Created.Year >= 2026);
    }

    [Fact]
    public async Task A_wait_ends_with_the_exit_code()
    {
        var id = await StartAsync(Box("sh", "-c", "exit 7"));
        Assert.Equal(new ContainerExit(7, null), await Client.Containers.WaitAsync(id, WaitCondition.NotRunning, Ct));
    }

    [Fact]
    public async Task A_wait_for_the_next_end_sees_a_kill()
    {
        var box = Box();
        var id = await StartAsync(
            box with
            {
                HostConfig = box.HostConfig! with { RestartPolicy = new() { Name = "always" } },
            }
        );
        var waiting = Client.Containers.WaitAsync(id, WaitCondition.NextExit, Ct);
        // A kill that comes before the engine has begun to wait is not the next end: it runs again, and dies again.
        await Eventually.TrueAsync(
            "the wait ends",
            async _ =>
            {
                if ((await InspectAsync(id)).State is { Running: true, Pid: > 0 and var pid })
                    Posix.Kill(pid, Posix.SigKill);
                return waiting.IsCompleted;
            },
            Ct
        );
        Assert.Equal(137, (await waiting).ExitCode);
    }

    [Fact]
    public async Task A_wait_can_be_cancelled()
    {
        var id = await StartAsync(Box());
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var waiting = Client.Containers.WaitAsync(id, WaitCondition.NotRunning, cancel.Token);
        await cancel.CancelAsync();
        var e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(cancel.Token, e.CancellationToken);
    }

    [Fact]
    public async Task Resources_and_restart_policy_change_while_it_runs()
    {
        var id = await StartAsync(Box());
        var update = new ContainerUpdate
        {
            Memory = 32 << 20,
            MemorySwap = 64 << 20,
            PidsLimit = 50,
            RestartPolicy = new() { Name = "always" },
        };
        await Client.Containers.UpdateAsync(id, update, Ct);
        var seen = (await InspectAsync(id)).HostConfig;
        Assert.Equal(update.Memory, seen.Memory);
        Assert.Equal(update.PidsLimit, seen.PidsLimit);
        Assert.Equal("always", seen.RestartPolicy!.Name);
        await Client.Containers.UpdateAsync(id, new() { RestartPolicy = RestartPolicy.No }, Ct);
        Assert.Equal("no", (await InspectAsync(id)).HostConfig.RestartPolicy!.Name);
    }

    [Fact]
    public async Task Statistics_are_read_once_and_as_a_stream()
    {
        var id = await StartAsync(Box());
        var once = await Client.Containers.StatsAsync(id, Ct);
        Assert.True(once.Memory.Usage > 0);
        Assert.True(once.Memory.WorkingSet <= once.Memory.Usage);
        Assert.True(once.Cpu.Usage.TotalNanoseconds > 0);
        Assert.True(once.Cpu.OnlineCpus > 0);
        Assert.NotNull(once.Read);

        var seen = 0;
        await foreach (var stats in Client.Containers.WatchStatsAsync(id, Ct))
        {
            Assert.True(stats.Pids.Current > 0);
            if (++seen == 2)
                break;
        }
        Assert.Equal(2, seen);
    }

    [Fact]
    public async Task The_health_check_shows_in_the_inspection()
    {
        var spec = Box() with
        {
            Healthcheck = new()
            {
                Test = ["CMD-SHELL", "echo not yet; exit 3"],
                Interval = TimeSpan.FromMilliseconds(100),
                Timeout = TimeSpan.FromSeconds(5),
                Retries = 1,
            },
        };
        var id = await StartAsync(spec);
        var health = await Eventually.GetAsync(
            "the container is unhealthy",
            async ct =>
                (await Client.Containers.InspectAsync(id, ct)).State.Health is { Status: HealthStatus.Unhealthy } found
                    ? found
                    : null,
            Ct
        );
        Assert.True(health.FailingStreak >= 1);
        Assert.Equal(3, health.Log[^1].ExitCode);
        Assert.Equal("not yet\n", health.Log[^1].Output);
    }

    [Fact]
    public async Task A_published_port_serves_and_is_seen()
    {
        var network = await Client.Networks.CreateAsync(new() { Name = Run, Labels = Labels }, Ct);
        var spec = Box("nc", "-l", "-p", "80", "-e", "echo", "served") with
        {
            HostConfig = new()
            {
                NetworkMode = network,
                PortBindings = new Dictionary<string, IReadOnlyList<PortBinding>?>
                {
                    ["80/tcp"] = [new() { HostIp = "127.0.0.1", HostPort = "" }],
                },
            },
        };
        var id = await StartAsync(spec with { ExposedPorts = ["80/tcp", "81/tcp"] });

        var ports = (await InspectAsync(id)).NetworkSettings.Ports;
        Assert.Null(ports["81/tcp"]);
        var port = int.Parse(ports["80/tcp"]![0].HostPort);
        var listed = (await Client.Containers.ListAsync(new() { Ids = [id] }, Ct)).Single().Ports;
        Assert.Contains(listed, p => p is { PrivatePort: 80, Protocol: "tcp" } && p.PublicPort == port);

        var text = await Eventually.GetAsync("the port serves", ct => FetchAsync(port, ct), Ct);
        Assert.Equal("served\n", text);
    }

    private static async Task<string?> FetchAsync(int port, CancellationToken ct)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port, ct);
            using var reader = new StreamReader(client.GetStream());
            return await reader.ReadToEndAsync(ct) is { Length: > 0 } text ? text : null;
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return null;
        }
    }

    private Task<ContainerInspection> InspectAsync(string id) => Client.Containers.InspectAsync(id, Ct);

    private async Task<IEnumerable<string>> ListAsync(ContainerQuery query) =>
        (await Client.Containers.ListAsync(query, Ct)).Select(c => c.Id);
}

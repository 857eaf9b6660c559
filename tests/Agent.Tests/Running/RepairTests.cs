using Appliance.Docker;
using Appliance.Testing;
using Appliance.V1;

namespace Appliance.Agent.Tests.Running;

/// <summary>Whatever is done to the application behind the agent's back is put right, said, and done to nothing else.</summary>
public sealed class RepairTests(SharedEngine shared)
{
    private const string TwoServices = """
        services:
          web:
            image: appliance-test/busybox:1
            stop_signal: SIGKILL
            depends_on: [db]
          db:
            image: appliance-test/busybox:1
            stop_signal: SIGKILL
            volumes: [data:/data]
        volumes:
          data: {}
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_removed_container_is_made_again()
    {
        await using var agent = await RunningAsync();
        var (before, bystander) = (await agent.ContainerAsync("web"), await agent.ContainerAsync("db"));

        await agent.Engine.Containers.RemoveAsync(before.Id, force: true, removeAnonymousVolumes: false, Ct);

        var told = await agent.EventAsync("container.recreated");
        Assert.Equal($"{agent.Project}-web-1 was gone", told.Found);
        await agent.BecomesAsync("web", ServiceState.Running);
        Assert.NotEqual(before.Id, (await agent.ContainerAsync("web")).Id);
        await UntouchedAsync(agent, "db", bystander);
    }

    [Fact]
    public async Task A_stopped_container_is_started_again()
    {
        await using var agent = await RunningAsync();
        var (before, bystander) = (await agent.ContainerAsync("web"), await agent.ContainerAsync("db"));

        await agent.Engine.Containers.StopAsync(before.Id, TimeSpan.Zero, null, Ct);

        var told = await agent.EventAsync("container.restarted");
        Assert.Contains("exited with code 137", told.Found);
        var after = await RunsAgainAsync(agent, "web", before);
        Assert.Equal(before.Id, after.Id);
        await UntouchedAsync(agent, "db", bystander);
    }

    [Fact]
    public async Task A_killed_process_runs_again()
    {
        await using var agent = await RunningAsync();
        var before = await agent.ContainerAsync("db");

        Posix.Kill(before.State.Pid, Posix.SigKill);

        await agent.EventAsync("container.restarted", service: "db");
        Assert.Equal(before.Id, (await RunsAgainAsync(agent, "db", before)).Id);
    }

    [Fact]
    public async Task A_paused_container_goes_on()
    {
        await using var agent = await RunningAsync();
        var before = await agent.ContainerAsync("web");

        await agent.Engine.Containers.PauseAsync(before.Id, Ct);

        var told = await agent.EventAsync("container.unpaused");
        Assert.Equal($"{agent.Project}-web-1 was paused", told.Found);
        await UntouchedAsync(agent, "web", before);
    }

    [Fact]
    public async Task A_removed_network_is_made_again_and_its_containers_join_it_as_they_are()
    {
        await using var agent = await RunningAsync();
        var (web, db) = (await agent.ContainerAsync("web"), await agent.ContainerAsync("db"));
        var network = $"{agent.Project}_default";

        // An engine removes a network only when nobody is on it, and the agent is quick to put them back.
        await Eventually.TrueAsync(
            "the network is removed",
            async ct =>
            {
                try
                {
                    foreach (var id in (string[])[web.Id, db.Id])
                        await agent.Engine.Networks.DisconnectAsync(network, id, force: true, ct);
                    await agent.Engine.Networks.RemoveAsync(network, ct);
                    return true;
                }
                catch (DockerEngineException)
                {
                    return false;
                }
            },
            Ct
        );

        await agent.EventAsync("network.recreated");
        await Eventually.TrueAsync(
            "both are on the network",
            async ct => (await agent.Engine.Networks.InspectAsync(network, ct)).Containers.Count == 2,
            Ct
        );
        await UntouchedAsync(agent, "web", web);
        await UntouchedAsync(agent, "db", db);
        Assert.Contains("db", (await agent.ContainerAsync("db")).NetworkSettings.Networks[network].Aliases!);
    }

    [Fact]
    public async Task An_image_that_lost_its_tag_gets_it_back()
    {
        // Untagging is for the whole engine, so this one has an engine of its own.
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await using var agent = await RunningAsync(engine);
        var web = await agent.ContainerAsync("web");

        await agent.Engine.Images.RemoveAsync(RealAgent.Image, force: true, Ct);

        await agent.EventAsync("image.tagged");
        Assert.Equal(RealAgent.ImageId, (await agent.Engine.Images.InspectAsync(RealAgent.Image, Ct)).Id);
        await UntouchedAsync(agent, "web", web);
    }

    [Fact]
    public async Task A_container_recreated_without_its_labels_is_replaced()
    {
        await using var agent = await RunningAsync();
        var (before, bystander) = (await agent.ContainerAsync("web"), await agent.ContainerAsync("db"));
        var name = before.Name;

        // Made beside it and swapped in, as a hand with `docker run` would in the moment between.
        var impostor = await agent.Engine.Containers.CreateAsync(
            $"{name}-by-hand",
            new ContainerSpec { Image = RealAgent.Image, StopSignal = "SIGKILL" },
            Ct
        );
        await agent.Engine.Containers.StartAsync(impostor.Id, Ct);
        await Eventually.TrueAsync(
            "the impostor holds the name",
            async ct =>
            {
                try
                {
                    await agent.Engine.Containers.RemoveAsync(name, force: true, removeAnonymousVolumes: false, ct);
                    await agent.Engine.Containers.RenameAsync(impostor.Id, name, ct);
                    return true;
                }
                catch (DockerEngineException)
                {
                    return false;
                }
            },
            Ct
        );

        var told = await agent.EventAsync("container.renamed");
        Assert.Contains("its labels are missing", told.Found);
        await agent.EventAsync("container.replaced");
        await agent.EventAsync("container.removed");
        await agent.BecomesAsync("web", ServiceState.Running);
        var after = await agent.ContainerAsync("web");
        Assert.NotEqual(impostor.Id, after.Id);
        Assert.Equal(agent.Project, after.Config.Labels["appliance.project"]);
        await Assert.ThrowsAsync<EngineNotFoundException>(() => agent.Engine.Containers.InspectAsync(impostor.Id, Ct));
        await UntouchedAsync(agent, "db", bystander);
    }

    [Fact]
    public async Task A_renamed_container_gets_its_name_back_and_a_foreign_restart_policy_is_taken_away()
    {
        await using var agent = await RunningAsync();
        var before = await agent.ContainerAsync("web");

        await agent.Engine.Containers.RenameAsync(before.Id, "somebody-else-" + agent.Project, Ct);
        await agent.EventAsync("container.renamed");
        await agent.Engine.Containers.UpdateAsync(
            before.Id,
            new ContainerUpdate { RestartPolicy = new RestartPolicy { Name = "always" } },
            Ct
        );
        await agent.EventAsync("container.updated");

        Assert.Equal("no", (await agent.ContainerAsync("web")).HostConfig.RestartPolicy!.Name);
        await UntouchedAsync(agent, "web", before);
    }

    [Fact]
    public async Task A_changed_release_replaces_what_changed_and_leaves_the_rest()
    {
        await using var agent = await RunningAsync();
        var (web, db) = (await agent.ContainerAsync("web"), await agent.ContainerAsync("db"));
        Assert.Equal(0, await agent.StopAsync());

        agent.WriteCompose(
            TwoServices.Replace("depends_on: [db]", "depends_on: [db]\n    environment: {COLOUR: green}")
        );
        await agent.StartAsync();

        await agent.EventAsync("container.replaced");
        await agent.EventAsync("container.removed");
        await agent.BecomesAsync("web", ServiceState.Running);
        var after = await agent.ContainerAsync("web");
        Assert.NotEqual(web.Id, after.Id);
        Assert.Contains("COLOUR=green", after.Config.Env!);
        await UntouchedAsync(agent, "db", db);
    }

    [Fact]
    public async Task A_network_whose_settings_change_is_replaced_under_its_containers()
    {
        const string Compose = """
            services:
              web: {image: "appliance-test/busybox:1", stop_signal: SIGKILL, deploy: {replicas: 3}}
              db: {image: "appliance-test/busybox:1", stop_signal: SIGKILL}
            networks: {default: {ipam: {config: [{subnet: SUBNET}]}}}
            """;
        await using var agent = await RealAgent.StartAsync(shared.Engine, Compose.Replace("SUBNET", "10.213.7.0/24"));
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.BecomesAsync("db", ServiceState.Running);
        var db = await agent.ContainerAsync("db");
        await agent.StopAsync();

        agent.WriteCompose(Compose.Replace("SUBNET", "10.213.8.0/24"));
        await agent.StartAsync();

        await agent.EventAsync("network.replaced");
        await Eventually.TrueAsync(
            "all four are on the new network",
            async ct =>
                (await agent.Engine.Networks.InspectAsync($"{agent.Project}_default", ct)) is var network
                && network.Containers.Count == 4
                && network.Addresses.Config[0].Range == "10.213.8.0/24",
            Ct
        );
        await agent.BecomesAsync("web", ServiceState.Running);
        await UntouchedAsync(agent, "db", db);
    }

    [Fact]
    public async Task An_image_that_was_removed_is_loaded_again_from_the_release()
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await using var agent = await RealAgent.StartAsync(engine, TwoServices);
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.BecomesAsync("db", ServiceState.Running);
        foreach (var service in (string[])["web", "db"])
            await agent.Services.StopServiceAsync(new StopServiceRequest { Name = service }, cancellationToken: Ct);
        await agent.BecomesAsync("web", ServiceState.Stopped);
        await agent.BecomesAsync("db", ServiceState.Stopped);
        foreach (var service in (string[])["web", "db"])
            await agent.Engine.Containers.RemoveAsync(
                $"{agent.Project}-{service}-1",
                force: true,
                removeAnonymousVolumes: false,
                Ct
            );
        await agent.Engine.Images.RemoveAsync(RealAgent.Image, force: true, Ct);

        await agent.EventAsync("image.reloaded");
        foreach (var service in (string[])["db", "web"])
            await agent.Services.StartServiceAsync(new StartServiceRequest { Name = service }, cancellationToken: Ct);
        await agent.BecomesAsync("web", ServiceState.Running);
    }

    private Task<RealAgent> RunningAsync() => RunningAsync(shared.Engine);

    private static async Task<RealAgent> RunningAsync(PrivateEngine engine)
    {
        var agent = await RealAgent.StartAsync(engine, TwoServices);
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.BecomesAsync("db", ServiceState.Running);
        return agent;
    }

    private static Task<ContainerInspection> RunsAgainAsync(
        RealAgent agent,
        string service,
        ContainerInspection before
    ) =>
        Eventually.GetAsync(
            $"{service} runs again",
            async _ =>
                await agent.ContainerAsync(service) is { State.Status: ContainerStatus.Running } now
                && now.State.StartedAt > before.State.StartedAt
                    ? now
                    : null,
            Ct
        );

    private static async Task UntouchedAsync(RealAgent agent, string service, ContainerInspection before)
    {
        var now = await agent.ContainerAsync(service);
        Assert.Equal((before.Id, before.State.StartedAt), (now.Id, now.State.StartedAt));
        Assert.Equal(ContainerStatus.Running, now.State.Status);
    }
}

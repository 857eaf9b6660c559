using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Appliance.Testing;
using Appliance.Tests.Disks;
using Appliance.Tests.Machines;

namespace Appliance.Tests;

/// <summary>What the demo's page shows.</summary>
/// <param name="Version">The release's.</param>
/// <param name="Visits">How many visits the counter has on its disk, this one with them.</param>
internal sealed partial record Page(string Version, long Visits)
{
    /// <summary>Reads it; null when it is not the demo's page.</summary>
    public static Page? Parse(string html) =>
        VersionText().Match(html) is { Success: true } version && VisitsText().Match(html) is { Success: true } visits
            ? new(version.Groups[1].Value, long.Parse(visits.Groups[1].ValueSpan, CultureInfo.InvariantCulture))
            : null;

    [GeneratedRegex("version (?<version>[0-9A-Za-z.-]+)</p>", RegexOptions.NonBacktracking)]
    private static partial Regex VersionText();

    [GeneratedRegex("visits: (?<visits>[0-9]+)", RegexOptions.NonBacktracking)]
    private static partial Regex VisitsText();
}

/// <summary>A machine of the image with the demo in it, as its customer sees it.</summary>
internal static class Appliance
{
    /// <summary>An emulated machine takes its time; nothing here takes as long on a real one.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>For bash on the appliance: waits until it is well, and nothing is being done to it; prints its status.</summary>
    public static readonly string UntilWell = $$"""
        until [ "$SECONDS" -ge {{Patience.TotalSeconds}} ]; do
            if status=$(appliancectl status -o json 2>&1) && [[ $status == *HEALTH_OK* ]] &&
                running=$(appliancectl operations list --running -o json 2>&1) && [[ $running != *'"id"'* ]]; then
                printf %s "$status"
                exit 0
            fi
            sleep 1
        done
        printf '%s\n' "$status" "$running"
        exit 1
        """;

    /// <summary>For bash on the appliance: prints the name that the guardian gave to the agent that runs; nothing: none does.</summary>
    public const string WhichAgent = """
        for process in /proc/[0-9]*; do
            if [[ $(readlink "$process/exe") == */appliance-agent* || $(cat "$process/comm") == appliance-agent ]]; then
                tr '\0' '\n' <"$process/environ" | sed -n 's/^APPLIANCE_AGENT_NAME=//p'
                break
            fi
        done 2>/dev/null
        """;

    private static readonly HttpClient Browser = new() { Timeout = TimeSpan.FromSeconds(30) };

    /// <summary>A disk with the demo's bundles for the guest, as a stick would carry them.</summary>
    public static Task<SeedDisk> BundlesAsync(ScratchFolder folder, CancellationToken ct) =>
        SeedDisk.CreateAsync(
            folder["seed.img"],
            new[] { "2.0.0", "3.0.0-broken" }.ToDictionary(v => $"demo-{v}.bundle", ApplianceImage.Bundle),
            ct
        );

    /// <summary>
    /// A disk with a bundle <c>next.bundle</c>: the demo 2.1.0, which brings an agent that differs from the image's.
    /// </summary>
    /// <param name="folder">For what it is made of.</param>
    /// <param name="ct">Cancels it.</param>
    /// <param name="changesAll">Whether it changes data for good as well, and comes as deltas from 1.0.0.</param>
    public static async Task<SeedDisk> BundleWithAgentAsync(
        ScratchFolder folder,
        CancellationToken ct,
        bool changesAll = false
    )
    {
        // Of the image's signer, of which the real one is to know nothing.
        var script = """
            set -euo pipefail
            cd "$1"
            cp -R artifacts/demo/signer "$2/signer"
            more=()
            if [[ $3 == all ]]; then
                # A layer with another program in it, which is a small delta of the one before.
                { cat "$(command -v busybox)"; echo another; } >"$2/busybox"
                chmod +x "$2/busybox"
                export BUSYBOX=$2/busybox
                more=(--delta-from 1.0.0 --bundles artifacts/demo)
            fi
            appliance/demo/build.sh 2.1.0 "$2/release"
            [[ $3 != all ]] || sed -i 's/^  visits: {}$/  visits: {x-appliance: {data: breaking}}/' "$2/release/compose.yaml"
            { cat artifacts/bin/appliance-agent; echo another; } >"$2/appliance-agent"
            chmod +x "$2/appliance-agent"
            artifacts/bin/appliancectl bundle create --repository "$2/signer" --passphrase-file artifacts/demo/passphrase \
                --compose "$2/release/compose.yaml" --images "$2/release/images" --agent "$2/appliance-agent" \
                --to "$2/next.bundle" "${more[@]}"
            [[ $3 != all ]] || mv "$2/next.delta.bundle" "$2/next.bundle"
            """;
        await Tool.RunAsync(
            "bash",
            ["-c", script, "bash", Repository.Root, folder.Path, changesAll ? "all" : "agent"],
            ct
        );
        return await SeedDisk.CreateAsync(
            folder["seed.img"],
            new Dictionary<string, string> { ["next.bundle"] = folder["next.bundle"] },
            ct
        );
    }

    /// <summary>Which agent runs, as its guardian calls it: <c>system</c>, or a digest.</summary>
    public static async Task<string> AgentAsync(this Machine machine, CancellationToken ct) =>
        (await machine.DoAsync(WhichAgent, ct)).Trim();

    /// <summary>Waits until the agent that runs is the image's, or one that came with a release.</summary>
    public static Task WaitForAgentAsync(this Machine machine, bool ofImage, CancellationToken ct) =>
        Eventually.TrueAsync(
            $"the agent that runs is {(ofImage ? "the image's" : "the release's")}",
            async token => IsAgent(await machine.AgentAsync(token), ofImage),
            ct,
            Patience
        );

    /// <summary>Whether what <see cref="WhichAgent"/> printed is the agent of the image, or another.</summary>
    public static bool IsAgent(string name, bool ofImage) =>
        name.Trim() is { Length: > 0 } known && (known == "system") == ofImage;

    /// <summary>Loads the page once, which counts as a visit; null while it does not answer as it should.</summary>
    public static async Task<Page?> VisitAsync(this Machine machine, CancellationToken ct)
    {
        try
        {
            return Page.Parse(await Browser.GetStringAsync(machine.Url(80), ct));
        }
        catch (HttpRequestException)
        {
            return null;
        }
        catch (TaskCanceledException) when (!ct.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Loads the page until it answers.</summary>
    public static async Task<Page> WaitForPageAsync(this Machine machine, CancellationToken ct)
    {
        try
        {
            return await Eventually.GetAsync("the application answers", machine.VisitAsync, ct, Patience);
        }
        catch (TimeoutException e)
        {
            throw new MachineException(
                $"{e.Message}\nThe console's end:\n{machine.Console.Tail()}\n{await machine.WhySilentAsync(ct)}",
                e
            );
        }
    }

    // Where on the way from outside to the application a request gets lost cannot be seen on the disk afterwards.
    private static async Task<string> WhySilentAsync(this Machine machine, CancellationToken ct)
    {
        try
        {
            await machine.Console.LoginAsync(ct, TimeSpan.FromSeconds(30));
            var ran = await machine.Console.RunAsync(
                """
                set -x
                appliancectl status
                docker container ls --all --no-trunc
                docker network inspect $(docker network ls --quiet)
                ip -brief address
                ip neighbour
                iptables-save -c
                timeout 10 docker exec demo-web-1 wget -S -O - http://127.0.0.1:8080/
                timeout 10 docker exec demo-web-1 wget -S -O - --post-data '' http://counter:8080/cgi-bin/visits
                find /var/lib/docker/overlay2 -type f -empty
                """,
                ct
            );
            return $"{ran.Text}\n{ran.Errors}";
        }
        catch (MachineException e)
        {
            return $"What the machine itself sees of it cannot be asked: {e.Message}";
        }
    }

    /// <summary>What <c>appliancectl status -o json</c> says; null while the agent does not answer.</summary>
    public static async Task<JsonNode?> StatusAsync(this Machine machine, CancellationToken ct)
    {
        var ran = await machine.Console.RunAsync("appliancectl status -o json", ct);
        return ran.ExitCode == 0 ? JsonNode.Parse(ran.Text) : null;
    }

    /// <summary>Waits until the appliance is well, and nothing is being done to it.</summary>
    public static async Task<JsonNode> WaitUntilWellAsync(this Machine machine, CancellationToken ct)
    {
        // The guest waits: over the console each look takes an emulated machine seconds.
        var ran = await machine.Console.RunAsync(UntilWell, ct, Patience + TimeSpan.FromMinutes(1));
        return ran.ExitCode == 0
            ? JsonNode.Parse(ran.Text)!
            : throw new MachineException($"the appliance does not get well: {ran.Text}", null);
    }

    /// <summary>Waits until the agent says something.</summary>
    public static async Task<JsonNode> WaitForStatusAsync(
        this Machine machine,
        string what,
        Func<JsonNode, bool> condition,
        CancellationToken ct
    )
    {
        JsonNode? last = null;
        try
        {
            return await Eventually.GetAsync(
                what,
                async token => (last = await machine.StatusAsync(token)) is { } s && condition(s) ? s : null,
                ct,
                Patience
            );
        }
        catch (TimeoutException e)
        {
            throw new MachineException($"{e.Message}\nThe agent said last: {last}", e);
        }
    }

    /// <summary>Whether this boot came after a machine that did not go down in order, as the engine's books have it.</summary>
    public static async Task<bool> EngineWentThroughItsBooksAsync(this Machine machine, CancellationToken ct)
    {
        var journal = await machine.DoAsync("journalctl --boot --unit docker --no-pager", ct);
        return journal.Contains("did not go down in order", StringComparison.Ordinal);
    }

    /// <summary>The version of the installed release.</summary>
    public static string? ReleaseOf(JsonNode status) => (string?)status["release"]?["version"];

    /// <summary>When each container of the demo was started, by its name and id.</summary>
    public static async Task<SortedDictionary<string, string>> StartTimesAsync(
        this Machine machine,
        CancellationToken ct
    )
    {
        var ran = await machine.Console.RunAsync(
            "docker container inspect --format '{{.Name}} {{.Id}}={{.State.StartedAt}}' $(docker container ls --quiet)",
            ct
        );
        return new(
            ran.Succeeded()
                .Text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split('='))
                .ToDictionary(pair => pair[0], pair => pair[1]),
            StringComparer.Ordinal
        );
    }

    /// <summary>Runs a command on the guest that must succeed, and returns what it printed.</summary>
    public static async Task<string> DoAsync(
        this Machine machine,
        string command,
        CancellationToken ct,
        TimeSpan? within = null
    ) => (await machine.Console.RunAsync(command, ct, within)).Succeeded().Text;
}

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Appliance.Agent.Healing;
using Appliance.Agent.Storage;
using Appliance.Docker;

namespace Appliance.Agent.Drills;

/// <summary>Puts right what a disaster did, from what is on record of it alone. Doing it twice does no harm.</summary>
internal sealed partial class Undoing(
    DockerEngine engine,
    FullDiskLimit alarm,
    TimeProvider clock,
    ILogger<Undoing> log
)
{
    /// <summary>As <c>cpu-quota</c> of the engine's API: no limit.</summary>
    public const string NoQuota = "quota:-1";

    public const string NanoCpus = "nano:";

    private const int MostRefusals = 30;
    private static readonly TimeSpan UntilNextTry = TimeSpan.FromSeconds(1);

    /// <summary>How a container was connected: the network's name, and the endpoint as it was asked for.</summary>
    public static string ConnectionOf(string network, EndpointSettings endpoint)
    {
        // What it got besides is the engine's to give.
        var asked = new EndpointSettings
        {
            Addresses = endpoint.Addresses,
            Aliases = endpoint.Aliases,
            DriverOpts = endpoint.DriverOpts,
        };
        return $"{network}\n{JsonSerializer.Serialize(asked, Json.Default.EndpointSettings)}";
    }

    public static string NetworkOf(string connection) => connection.Split('\n')[0];

    /// <summary>Tries for as long as the engine is away, and for a while when something refuses.</summary>
    /// <returns>Why it is not undone, for a person to see to; null: it is.</returns>
    public async Task<string?> UndoAsync(Undo undo, CancellationToken ct)
    {
        var refusals = 0;
        while (true)
        {
            string error;
            try
            {
                await TryAsync(undo, ct);
                return null;
            }
            catch (EngineUnavailableException e)
            {
                error = e.Message;
            }
            catch (Exception e) when (e is DockerEngineException or IOException or UnauthorizedAccessException)
            {
                if (++refusals > MostRefusals)
                    return $"{undo.Kind} of {undo.Subject}: {e.Message}";
                error = e.Message;
            }
            log.NotUndoneYet($"{undo.Kind}", undo.Subject, error);
            await Task.Delay(UntilNextTry, clock, ct);
        }
    }

    private async Task TryAsync(Undo undo, CancellationToken ct)
    {
        try
        {
            switch (undo.Kind)
            {
                case UndoKind.RemoveFile:
                    File.Delete(undo.Subject);
                    break;
                case UndoKind.Continue:
                    await engine.Containers.KillAsync(undo.Subject, "SIGCONT", ct);
                    break;
                case UndoKind.GiveBackCpu:
                    await engine.Containers.UpdateAsync(undo.Subject, LimitsOf(undo.Value), ct);
                    break;
                case UndoKind.Connect:
                    await ConnectAsync(undo, ct);
                    break;
                case UndoKind.LowerAlarm:
                    alarm.Lower();
                    break;
            }
        }
        // Whoever has removed, ended or replaced it meanwhile has put it right.
        catch (Exception e) when (e is EngineNotFoundException or EngineConflictException or DirectoryNotFoundException)
        { }
    }

    /// <summary>What is left undone by a supervision that had no chance to repair it.</summary>
    private async Task ConnectAsync(Undo undo, CancellationToken ct)
    {
        var network = NetworkOf(undo.Value);
        var container = await engine.Containers.InspectAsync(undo.Subject, ct);
        if (!container.NetworkSettings.Networks.ContainsKey(network))
            await engine.Networks.ConnectAsync(network, undo.Subject, EndpointOf(undo.Value), ct);
    }

    private static EndpointSettings? EndpointOf(string connection)
    {
        var rest = connection[(NetworkOf(connection).Length + 1)..];
        return rest.StartsWith('{')
            ? JsonSerializer.Deserialize(rest, Json.Default.EndpointSettings)
            // As an agent before this one wrote it.
            : new EndpointSettings { Aliases = rest.Split('\n', StringSplitOptions.RemoveEmptyEntries) };
    }

    private static ContainerUpdate LimitsOf(string value) =>
        value.StartsWith(NanoCpus, StringComparison.Ordinal)
            ? new ContainerUpdate { NanoCpus = long.Parse(value[NanoCpus.Length..], CultureInfo.InvariantCulture) }
            : new ContainerUpdate { CpuQuota = -1 };

    [JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonSerializable(typeof(EndpointSettings))]
    private sealed partial class Json : JsonSerializerContext;
}

using System.Text.Json.Serialization;

namespace Appliance.Docker;

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ErrorReply))]
[JsonSerializable(typeof(Dictionary<string, IReadOnlyList<string>>))]
[JsonSerializable(typeof(EngineVersion))]
[JsonSerializable(typeof(EngineInfo))]
[JsonSerializable(typeof(DiskUsage))]
[JsonSerializable(typeof(EventMessage))]
[JsonSerializable(typeof(ContainerSpec))]
[JsonSerializable(typeof(ContainerUpdate))]
[JsonSerializable(typeof(ContainerUpdateReply))]
[JsonSerializable(typeof(CreatedContainer))]
[JsonSerializable(typeof(ContainerInspection))]
[JsonSerializable(typeof(IReadOnlyList<ContainerSummary>))]
[JsonSerializable(typeof(ContainerStats))]
[JsonSerializable(typeof(WaitReply))]
[JsonSerializable(typeof(ExecCreation))]
[JsonSerializable(typeof(ExecStart))]
[JsonSerializable(typeof(IdReply))]
[JsonSerializable(typeof(ExecInspection))]
[JsonSerializable(typeof(ImageInspection))]
[JsonSerializable(typeof(IReadOnlyList<ImageSummary>))]
[JsonSerializable(typeof(IReadOnlyList<ImageRemoval>))]
[JsonSerializable(typeof(ImageLoadProgress))]
[JsonSerializable(typeof(NetworkSpec))]
[JsonSerializable(typeof(Network))]
[JsonSerializable(typeof(IReadOnlyList<Network>))]
[JsonSerializable(typeof(NetworkJoin))]
[JsonSerializable(typeof(NetworkLeave))]
[JsonSerializable(typeof(VolumeSpec))]
[JsonSerializable(typeof(Volume))]
[JsonSerializable(typeof(VolumeList))]
internal sealed partial class ApiJson : JsonSerializerContext;

internal sealed record ErrorReply
{
    [JsonPropertyName("message")]
    public string? Message { get; init; }
}

internal sealed record IdReply
{
    public string Id
    {
        get => field ?? "";
        init;
    }
}

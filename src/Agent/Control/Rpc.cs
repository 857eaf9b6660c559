using Grpc.Core;

namespace Appliance.Agent.Control;

/// <summary>Errors as callers get them: the only place outside the interceptor that makes them.</summary>
internal static class Rpc
{
    /// <summary>More of a name that does not exist is not repeated.</summary>
    private const int MaxName = 256;

    public static RpcException Error(StatusCode code, string message) => new(new Status(code, message));

    public static RpcException NoSuchService(string name, IEnumerable<string> existing) =>
        NoSuch("service", name, existing);

    /// <param name="noun">What it would be.</param>
    public static RpcException NoSuch(string noun, string name, IEnumerable<string> existing)
    {
        if (name.Length > MaxName)
            name = $"{name.AsSpan(0, MaxName)}…";
        var names = string.Join(", ", existing);
        return Error(
            StatusCode.NotFound,
            names.Length == 0 ? $"no {noun} \"{name}\": there are none" : $"no {noun} \"{name}\"; there are: {names}"
        );
    }
}

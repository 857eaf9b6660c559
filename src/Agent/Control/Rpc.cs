using Grpc.Core;

namespace Appliance.Agent.Control;

/// <summary>Errors as callers get them: the only place outside the interceptor that makes them.</summary>
internal static class Rpc
{
    public static RpcException Error(StatusCode code, string message) => new(new Status(code, message));

    public static RpcException NoSuchService(string name, IEnumerable<string> existing)
    {
        var names = string.Join(", ", existing);
        return Error(
            StatusCode.NotFound,
            names.Length == 0 ? $"no service \"{name}\": there are none" : $"no service \"{name}\"; there are: {names}"
        );
    }
}

using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Http;

namespace Grpc.Core;

/// <summary>From a call to the HTTP request that carries it.</summary>
public static class ServerCallContextExtensions
{
    /// <summary>The HTTP request under a call; a test double puts it into its user state as <c>__HttpContext</c>.</summary>
    /// <exception cref="InvalidOperationException">The call has none.</exception>
    public static HttpContext GetHttpContext(this ServerCallContext serverCallContext)
    {
        ArgumentNullException.ThrowIfNull(serverCallContext);
        if (serverCallContext is ServerCall call)
            return call.Http;
        return
            serverCallContext.UserState.TryGetValue(ServerCall.HttpContextKey, out var value)
            && value is HttpContext http
            ? http
            : throw new InvalidOperationException("The call has no HttpContext: it did not come in through HTTP.");
    }
}

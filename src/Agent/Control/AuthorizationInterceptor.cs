using Appliance.Agent.Content;
using Appliance.Agent.Sources;
using Appliance.Agent.Storage;
using Appliance.Agent.Updates;
using Appliance.Bundles.Releases;
using Appliance.Docker;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Appliance.Agent.Control;

/// <summary>
/// Stands before every call of every kind: finds the caller's role, asks the one table, records changes before and
/// after their effect and denials, and turns the rooms' exceptions into status codes.
/// </summary>
internal sealed class AuthorizationInterceptor(
    Callers callers,
    AuditTrail audit,
    DenialBudget denials,
    IHostApplicationLifetime lifetime,
    ILogger<AuthorizationInterceptor> log
) : Interceptor
{
    private const int MaxRequestText = 4096;
    private const int MaxDetail = 1024;

    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request,
        ServerCallContext context,
        UnaryServerMethod<TRequest, TResponse> continuation
    ) => GuardAsync(context, request, () => continuation(request, context));

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        ServerCallContext context,
        ClientStreamingServerMethod<TRequest, TResponse> continuation
    ) => GuardAsync(context, request: null, () => continuation(requestStream, context));

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation
    ) => GuardAsync(context, request, () => Answered(continuation(request, responseStream, context)));

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation
    ) => GuardAsync(context, request: null, () => Answered(continuation(requestStream, responseStream, context)));

    private static async Task<bool> Answered(Task call)
    {
        await call;
        return true;
    }

    private async Task<T> GuardAsync<T>(ServerCallContext context, object? request, Func<Task<T>> call)
    {
        var permission = Permissions.Of(context.Method);
        var caller = CallerOf(context);
        if (permission is null || caller.Role < permission.Minimum)
            throw Deny(context, caller, permission, request);
        context.SetCaller(caller);
        if (!permission.IsChange)
            return await TranslatedAsync(context, call);

        // Before the effect: what cannot be recorded is not done.
        var entry = EntryOf(context, caller, request);
        await TranslatedAsync(context, () => Task.FromResult(audit.Append(entry with { Outcome = "requested" })));
        try
        {
            var result = await TranslatedAsync(context, call);
            Finish(entry with { Outcome = "done" });
            return result;
        }
        catch (RpcException e)
        {
            Finish(entry with { Outcome = "failed", Detail = Cut($"{e.StatusCode}: {e.Status.Detail}", MaxDetail) });
            throw;
        }
    }

    private Caller CallerOf(ServerCallContext context) =>
        context.GetHttpContext().Features.Get<Peer>() is { } peer
            ? callers.Of(peer)
            : new Caller(uint.MaxValue, "unknown", Role.None, "who calls is not known");

    private RpcException Deny(ServerCallContext context, Caller caller, Permission? permission, object? request)
    {
        var why =
            caller.WhyNone
            ?? (
                permission is null
                    ? "the method is not open to anyone"
                    : $"it takes the role {permission.Minimum.InWords()}, and {caller.Actor} has {caller.Role.InWords()}"
            );
        if (denials.TryTake(caller.Uid, out var unrecorded))
        {
            var more = unrecorded == 0 ? "" : $" ({unrecorded} earlier denials of this user were not recorded)";
            Finish(EntryOf(context, caller, request) with { Outcome = "denied", Detail = why + more });
        }
        return Rpc.Error(StatusCode.PermissionDenied, why);
    }

    private async Task<T> TranslatedAsync<T>(ServerCallContext context, Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (StorageFullException e)
        {
            throw Rpc.Error(StatusCode.ResourceExhausted, e.Message);
        }
        catch (StorageException e)
        {
            throw Rpc.Error(StatusCode.Unavailable, e.Message);
        }
        catch (Exception e) when (e is RefusedException or UpdatesBusyException)
        {
            throw Rpc.Error(StatusCode.FailedPrecondition, e.Message);
        }
        catch (ContentFullException e)
        {
            throw Rpc.Error(StatusCode.ResourceExhausted, e.Message);
        }
        catch (UploadException e)
        {
            throw Rpc.Error(StatusCode.DataLoss, e.Message);
        }
        catch (EngineUnavailableException e)
        {
            throw Rpc.Error(StatusCode.Unavailable, $"the engine is not reachable: {e.Message}");
        }
        catch (DockerEngineException e)
        {
            throw Rpc.Error(StatusCode.FailedPrecondition, $"the engine refused: {e.Message}");
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw Rpc.Error(StatusCode.Unavailable, "the agent is stopping");
        }
        // A write may learn of it before the token does, and says then whose cancellation it is.
        catch (Exception e)
            when (e is OperationCanceledException or IOException && context.CancellationToken.IsCancellationRequested
                || e is OperationCanceledException own && own.CancellationToken == context.CancellationToken
            )
        {
            // A write to a client that is gone fails in either way.
            throw Rpc.Error(StatusCode.Cancelled, "the caller went away");
        }
        catch (Exception e) when (e is not RpcException)
        {
            // A bug of ours: the caller gets no inner details, the journal does.
            log.CallFailed(context.Method, e);
            throw Rpc.Error(StatusCode.Internal, "the agent failed to answer; its journal says why");
        }
    }

    // The effect is there, or not, whatever becomes of this row: a disk that is full by now must not hide it.
    private void Finish(NewAudit entry)
    {
        try
        {
            audit.Append(entry);
        }
        catch (StorageException e)
        {
            log.AuditNotStored(
                entry.Actor,
                entry.Role,
                entry.Method,
                entry.Request,
                entry.Outcome,
                entry.Detail,
                e.Message
            );
        }
    }

    private static NewAudit EntryOf(ServerCallContext context, Caller caller, object? request)
    {
        return new NewAudit(
            caller.Actor,
            caller.Role.InWords(),
            context.Method,
            Cut(RequestText.Of(request), MaxRequestText),
            Outcome: "",
            Detail: ""
        );
    }

    private static string Cut(string text, int atMost) => text.Length > atMost ? text[..atMost] : text;
}

internal static class CallerOfCall
{
    private static readonly object Key = new();

    public static void SetCaller(this ServerCallContext context, Caller caller) => context.UserState[Key] = caller;

    /// <summary>Who calls, once authorised.</summary>
    public static Caller GetCaller(this ServerCallContext context) => (Caller)context.UserState[Key];
}

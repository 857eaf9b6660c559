using Appliance.Agent.Storage;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class EventsService(EventLog events, IHostApplicationLifetime lifetime)
    : V1.EventsService.EventsServiceBase
{
    private const int PageSize = 256;

    public override async Task StreamEvents(
        V1.StreamEventsRequest request,
        IServerStreamWriter<V1.Event> responseStream,
        ServerCallContext context
    )
    {
        if (request.HasTail && request.Tail < 0)
            throw Rpc.Error(StatusCode.InvalidArgument, "tail must not be negative");
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(
            context.CancellationToken,
            lifetime.ApplicationStopping
        );
        // A follower learns at once that it is heard, not only with the first event.
        await context.WriteResponseHeadersAsync([]);
        var service = request.Service.Length == 0 ? null : request.Service;
        // What is past is settled before anything is read, so that a busy log still has an end.
        var last = events.LastId;
        var after = request.AfterId;

        if (request.HasTail)
        {
            var tail = events.Tail(request.Tail, service);
            foreach (var e in tail.Where(e => e.Id > request.AfterId))
                await responseStream.WriteAsync(e.ToMessage(), ending.Token);
            after = Math.Max(after, tail.Count > 0 ? tail[^1].Id : last);
        }
        if (request.Follow)
        {
            await foreach (var e in events.FollowAsync(after, service, ending.Token))
                await responseStream.WriteAsync(e.ToMessage(), ending.Token);
        }
        while (after < last && events.After(after, PageSize, service) is { Count: > 0 } page)
        {
            foreach (var e in page.TakeWhile(e => e.Id <= last))
                await responseStream.WriteAsync(e.ToMessage(), ending.Token);
            after = page[^1].Id;
        }
    }
}

using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Appliance.Agent.Tests.Updates;

/// <summary>A container, as an engine tells of it in a list, which does not wait for what is under way.</summary>
internal sealed record ListedContainer(string Name, string State, string Volume, string? Project, string? Service)
{
    /// <summary>When it is inspected.</summary>
    public string InspectedState { get; init; } = State;
}

/// <summary>What listens where an engine should, and has the containers that a test says.</summary>
internal sealed class ListedEngine : IAsyncDisposable
{
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource stop = new();
    private readonly Task accepting;

    public ListedEngine(string socket)
    {
        Endpoint = $"unix://{socket}";
        listener.Bind(new UnixDomainSocketEndPoint(socket));
        listener.Listen();
        accepting = AcceptAsync();
    }

    public string Endpoint { get; }

    public IReadOnlyList<ListedContainer> Containers { get; set; } = [];

    /// <summary>Where each volume has its files.</summary>
    public Dictionary<string, string> Volumes { get; } = [];

    /// <summary>How often it was asked for all.</summary>
    public int Lists { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await accepting;
        listener.Dispose();
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
                serving.Add(ServeAsync(await listener.AcceptAsync(stop.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket connection)
    {
        using (connection)
        {
            try
            {
                var head = new StringBuilder();
                var buffer = new byte[4096];
                while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
                {
                    var read = await connection.ReceiveAsync(buffer, stop.Token);
                    if (read == 0)
                        return;
                    head.Append(Encoding.Latin1.GetString(buffer, 0, read));
                }
                await connection.SendAsync(AnswerTo(head.ToString().Split(' ')[1].Split('?')[0]), stop.Token);
                connection.Shutdown(SocketShutdown.Send);
                while (await connection.ReceiveAsync(buffer, stop.Token) > 0) { }
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException) { }
        }
    }

    private byte[] AnswerTo(string path)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return parts switch
        {
            ["_ping"] => Http(200, "OK"),
            [_, "containers", "json"] => Http(200, List()),
            [_, "containers", var id, "json"] when Containers.FirstOrDefault(c => c.Name == id) is { } c => Http(
                200,
                JsonSerializer.Serialize(
                    new
                    {
                        Id = c.Name,
                        Name = $"/{c.Name}",
                        State = new { Status = c.InspectedState },
                    }
                )
            ),
            [_, "volumes"] => Http(
                200,
                JsonSerializer.Serialize(
                    new
                    {
                        Volumes = Volumes.Select(v => new
                        {
                            Name = v.Key,
                            Driver = "local",
                            Mountpoint = v.Value,
                            Scope = "local",
                        }),
                    }
                )
            ),
            _ => Http(404, """{"message":"no such thing"}"""),
        };
    }

    private string List()
    {
        Lists++;
        return JsonSerializer.Serialize(
            Containers.Select(c => new
            {
                Id = c.Name,
                Names = new[] { $"/{c.Name}" },
                c.State,
                Labels = new Dictionary<string, string?>
                {
                    ["appliance.project"] = c.Project,
                    ["appliance.service"] = c.Service,
                }
                    .Where(l => l.Value is not null)
                    .ToDictionary(l => l.Key, l => l.Value),
                Mounts = new[] { new { Type = "volume", Name = c.Volume } },
            })
        );
    }

    private static byte[] Http(int status, string body) =>
        Encoding.UTF8.GetBytes(
            $"HTTP/1.1 {status} X\r\nApi-Version: 1.41\r\nConnection: close\r\nContent-Type: application/json\r\n"
                + $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"
        );
}

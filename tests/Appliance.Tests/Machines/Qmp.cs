using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Appliance.Tests.Machines;

/// <summary>QEMU's control socket: commands, and events as they come.</summary>
internal sealed class Qmp : IDisposable
{
    private readonly Socket socket;
    private readonly StreamReader reader;
    private readonly StreamWriter writer;
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonNode?>> pending = new();
    private readonly SemaphoreSlim writing = new(1);
    private readonly Action<string, JsonNode?> onEvent;
    private int lastId;

    private Qmp(Socket socket, Action<string, JsonNode?> onEvent)
    {
        this.socket = socket;
        this.onEvent = onEvent;
        var stream = new NetworkStream(socket);
        reader = new(stream);
        writer = new(stream) { AutoFlush = true };
    }

    /// <summary>Completes when QEMU has gone, and all that it said was taken.</summary>
    public Task Closed { get; private set; } = Task.CompletedTask;

    /// <summary>Connects to the socket, and asks for commands to be taken.</summary>
    /// <param name="path">The socket.</param>
    /// <param name="onEvent">Called with the name of each event, such as <c>SHUTDOWN</c>, and its data.</param>
    /// <param name="ct">Cancels it.</param>
    public static async Task<Qmp> ConnectAsync(string path, Action<string, JsonNode?> onEvent, CancellationToken ct)
    {
        var connected = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await connected.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
        var qmp = new Qmp(connected, onEvent);
        await qmp.reader.ReadLineAsync(ct);
        qmp.Closed = qmp.ReadAllAsync();
        await qmp.RunAsync("qmp_capabilities", null, ct);
        return qmp;
    }

    /// <summary>Runs a command.</summary>
    /// <exception cref="IOException">QEMU has gone, or goes without an answer.</exception>
    /// <exception cref="InvalidOperationException">QEMU refused it.</exception>
    public async Task<JsonNode?> RunAsync(string command, JsonObject? arguments, CancellationToken ct)
    {
        var id = Interlocked.Increment(ref lastId);
        var answer = new TaskCompletionSource<JsonNode?>(TaskCreationOptions.RunContinuationsAsynchronously);
        pending[id] = answer;
        var request = new JsonObject { ["execute"] = command, ["id"] = id };
        if (arguments is not null)
            request["arguments"] = arguments;
        await writing.WaitAsync(ct);
        try
        {
            await writer.WriteLineAsync(request.ToJsonString().AsMemory(), ct);
        }
        finally
        {
            writing.Release();
        }
        return await answer.Task.WaitAsync(ct);
    }

    public void Dispose()
    {
        socket.Dispose();
        writing.Dispose();
    }

    private async Task ReadAllAsync()
    {
        var why = "QEMU closed its control socket";
        try
        {
            while (await reader.ReadLineAsync() is { } line)
                Take(JsonNode.Parse(line)!);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or JsonException)
        {
            why = e.Message;
        }
        foreach (var answer in pending.Values)
            answer.TrySetException(new IOException(why));
    }

    private void Take(JsonNode message)
    {
        if (message["event"] is { } name)
            onEvent((string)name!, message["data"]);
        else if (message["id"] is { } id && pending.TryRemove((int)id, out var answer))
        {
            if (message["error"] is { } error)
                answer.TrySetException(new InvalidOperationException($"QEMU refused: {error["desc"]}"));
            else
                answer.TrySetResult(message["return"]);
        }
    }
}

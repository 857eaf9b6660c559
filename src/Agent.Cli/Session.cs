using System.CommandLine;
using Appliance.Cli.Output;
using Google.Protobuf;
using Grpc.Core;

namespace Appliance.Cli;

/// <summary>One run of one command: where it prints and whom it calls.</summary>
internal sealed class Session : IDisposable
{
    // Long enough for an agent on a busy machine, short enough for a person who waits.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private AgentConnection? agent;

    private readonly ParseResult parse;

    public Session(ParseResult parse)
    {
        this.parse = parse;
        var color = GlobalOptions.ColorOf(parse);
        Out = Screen.Stdout(color);
        Error = Screen.Stderr(color);
    }

    // Read when asked for: a command line that makes no sense has no values, and still a session to say so in.
    public string SocketPath => GlobalOptions.SocketOf(parse);

    public OutputFormat Format => GlobalOptions.OutputOf(parse);

    public Screen Out { get; }

    public Screen Error { get; }

    public TimeProvider Clock { get; } = TimeProvider.System;

    /// <summary>Opened on first use, so that a command that needs no agent never pays for it.</summary>
    public AgentConnection Agent => agent ??= new AgentConnection(SocketPath);

    /// <summary>The connection, when one was opened.</summary>
    public AgentConnection? OpenedAgent => agent;

    /// <summary>For questions, which an agent in good health answers at once.</summary>
    public CallOptions Promptly(CancellationToken cancellationToken) =>
        new(deadline: (Clock.GetUtcNow() + Patience).UtcDateTime, cancellationToken: cancellationToken);

    /// <summary>Prints an answer as JSON, or as the view given has it.</summary>
    public void Print<T>(T message, Action<Screen, T> view)
        where T : IMessage
    {
        if (Format == OutputFormat.Json)
            Out.WriteLine(Json.Document(message));
        else
            view(Out, message);
    }

    /// <summary>Prints an item of a stream: a line of JSON, or what the view makes of it.</summary>
    public void PrintItem<T>(T item, Action<Screen, T> view)
        where T : IMessage
    {
        if (Format == OutputFormat.Json)
            Out.WriteLine(Json.Line(item));
        else
            view(Out, item);
    }

    public void Dispose() => agent?.Dispose();
}

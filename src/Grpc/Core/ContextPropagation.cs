namespace Grpc.Core;

/// <summary>What a child call takes over from the call being served.</summary>
/// <param name="propagateDeadline">The child ends no later than the parent.</param>
/// <param name="propagateCancellation">The child is cancelled with the parent.</param>
public class ContextPropagationOptions(bool propagateDeadline = true, bool propagateCancellation = true)
{
    /// <summary>Deadline and cancellation both.</summary>
    public static readonly ContextPropagationOptions Default = new();

    /// <summary>Whether the child ends no later than the parent.</summary>
    public bool IsPropagateDeadline { get; } = propagateDeadline;

    /// <summary>Whether the child is cancelled with the parent.</summary>
    public bool IsPropagateCancellation { get; } = propagateCancellation;
}

/// <summary>Ties a child call to the call being served; see <see cref="ServerCallContext.CreatePropagationToken"/>.</summary>
public abstract class ContextPropagationToken
{
    internal ContextPropagationToken() { }
}

internal sealed class ParentCallToken(ServerCallContext parent, ContextPropagationOptions options)
    : ContextPropagationToken
{
    public DateTime Deadline { get; } = options.IsPropagateDeadline ? parent.Deadline : DateTime.MaxValue;

    public CancellationToken CancellationToken { get; } =
        options.IsPropagateCancellation ? parent.CancellationToken : CancellationToken.None;
}

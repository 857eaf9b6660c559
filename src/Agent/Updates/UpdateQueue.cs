using System.Threading.Channels;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Updates;

/// <summary>What the <see cref="Updater"/> is to do, one after the other.</summary>
internal sealed class UpdateQueue
{
    // Null: space is to be given back, for a release has waited long enough to be installed, or a disk is low.
    private readonly Channel<Operation?> waiting = Channel.CreateUnbounded<Operation?>();

    /// <summary>It has been begun, or a start of the agent has found it.</summary>
    public void Add(Operation operation) => waiting.Writer.TryWrite(operation);

    /// <summary>Gives back what nothing needs, as soon as nothing else is being done; returns at once.</summary>
    public void GiveBackSpace() => waiting.Writer.TryWrite(null);

    /// <summary>As they come; null: space is to be given back.</summary>
    public IAsyncEnumerable<Operation?> ReadAllAsync(CancellationToken ct) => waiting.Reader.ReadAllAsync(ct);
}

using Microsoft.Extensions.Options;

namespace Appliance.Agent.Healing;

/// <summary>
/// How little room makes the disk of the agent's state a full one: as it is configured, or more for as long as somebody wants
/// to see the alarm. That is kept nowhere: an agent that starts goes by its configuration.
/// </summary>
internal sealed class FullDiskLimit(IOptionsMonitor<HealingOptions> options)
{
    private const long Mebibyte = 1024 * 1024;

    private long raised;

    /// <summary>With less it is full.</summary>
    public long LeastBytes => Math.Max(Volatile.Read(ref raised), ConfiguredBytes);

    public long ConfiguredBytes => options.CurrentValue.LeastFreeSpace * Mebibyte;

    public void Raise(long bytes) => Volatile.Write(ref raised, bytes);

    /// <summary>To what is configured.</summary>
    public void Lower() => Volatile.Write(ref raised, 0);
}

namespace Appliance.Agent.Ingress;

/// <summary>HAProxy did not do what it was asked, in its own words where it had any.</summary>
/// <param name="isGone">Nobody answered, or not the one who was asked: what is known of it does not hold any more.</param>
/// <param name="isSilent">Nobody answered in time: what is known of it may hold, or not.</param>
internal sealed class HaproxyException(string message, bool isGone, bool isSilent = false) : Exception(message)
{
    public bool IsSilent { get; } = isSilent;

    public bool IsGone { get; } = isGone;
}

using Appliance.Tuf;

namespace Tuf.Tests;

internal static class Refusals
{
    /// <summary>It is refused, for the reason given.</summary>
    public static TufException Refuses(TufFault fault, Action act)
    {
        var refusal = Assert.Throws<TufException>(act);
        Assert.Equal(fault, refusal.Fault);
        Assert.StartsWith(refusal.File, refusal.Message, StringComparison.Ordinal);
        return refusal;
    }
}

using System.Collections.Concurrent;
using System.Reflection;
using Xunit.v3;

[assembly: Appliance.Testing.TestLimit]

namespace Appliance.Testing;

/// <summary>
/// Cancels a test that takes far too long: it fails then, by its name, and the others have their turn. Those of the
/// category Long have no limit here.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class TestLimitAttribute : BeforeAfterTestAttribute
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(12);

    private readonly ConcurrentDictionary<string, CancellationTokenSource> running = new();

    /// <inheritdoc/>
    public override void Before(MethodInfo methodUnderTest, IXunitTest test)
    {
        if (test.Traits.TryGetValue("Category", out var categories) && categories.Contains("Long"))
            return;
        var context = TestContext.Current;
        var limit = new CancellationTokenSource(Limit, TimeProvider.System);
        limit.Token.Register(context.CancelCurrentTest);
        running[test.UniqueID] = limit;
    }

    /// <inheritdoc/>
    public override void After(MethodInfo methodUnderTest, IXunitTest test)
    {
        if (running.TryRemove(test.UniqueID, out var limit))
            limit.Dispose();
    }
}

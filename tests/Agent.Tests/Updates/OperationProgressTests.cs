using Appliance.Agent.Updates;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Updates;

public sealed class OperationProgressTests
{
    [Fact]
    public void Why_it_waits_holds_until_it_goes_on_whatever_is_tried_meanwhile()
    {
        var progress = new OperationProgress(new ManualClock());
        var goesOn = new TaskCompletionSource();
        var watched = progress.Changed;

        progress.Wait("no space left", goesOn.Task);

        Assert.True(watched.IsCompleted);
        Assert.Equal("no space left", progress.Current.Waiting);
        // Each try begins anew, and says so.
        progress.Set(new Progress(0, 0, 1, 2));
        Assert.Equal(("no space left", 1), (progress.Current.Waiting, progress.Current.ServicesDone));
        watched = progress.Changed;
        progress.Wait("no space left", goesOn.Task);
        Assert.False(watched.IsCompleted);

        goesOn.SetResult();
        Assert.Null(progress.Current.Waiting);
        Assert.Equal(1, progress.Current.ServicesDone);
    }
}

namespace Appliance.Cli.Output;

/// <summary>Bytes on their way: "Sending demo.bundle: 1.2 GB of 3.4 GB, 35 %, 120 MB/s, 18 s left".</summary>
/// <remarks>A total of 0 is one that is not known.</remarks>
internal sealed class TransferProgress(Session session, string what, long total) : IProgress<long>
{
    private readonly Progress progress = new(session.Error, session.Clock);
    private readonly long started = session.Clock.GetTimestamp();

    public void Report(long done) => progress.Show(() => Describe(done, session.Clock.GetElapsedTime(started)));

    private string Describe(long done, TimeSpan elapsed)
    {
        var rate = done / elapsed.TotalSeconds;
        var line = $"{what}: {Sizes.Part(done, total)}, {Sizes.Of((long)rate)}/s";
        return total > done && rate > 0
            ? $"{line}, {Ages.Length(TimeSpan.FromSeconds((total - done) / rate))} left"
            : line;
    }
}

using Appliance.Agent.Content;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Updates;

/// <summary>What an operation does before it touches anything that runs: its images are brought to the engine.</summary>
internal sealed class Preparation(
    Course course,
    UpdateJournal journal,
    Preflight preflight,
    Safekeeping safekeeping,
    ImageLoader images,
    Gate gate,
    MachineBoot boot,
    OperationProgress progress
)
{
    private const int MostLossesWhileLoading = 3;

    private readonly Operation operation = course.Operation;
    private readonly Release from = course.From;
    private readonly OpenedRelease to = course.To;

    private bool waitsForEngine;
    private int lossesWhileLoading;

    /// <summary>All that touches nothing that runs.</summary>
    /// <returns>Null: it may go on. Otherwise how it ends.</returns>
    public async Task<Conclusion?> RunAsync(CancellationToken ct)
    {
        try
        {
            while (!await TryPrepareAsync(ct))
                await gate.EngineAsync(ct);
            return null;
        }
        catch (RefusedException e)
        {
            return new Conclusion(
                OperationState.Refused,
                Phase.Preflighted,
                "refused; nothing was changed",
                e.Message,
                ""
            );
        }
        catch (Exception e) when (e is DockerEngineException or IOException or UnauthorizedAccessException)
        {
            return new Conclusion(
                OperationState.Failed,
                Phase.Loading,
                $"{course.Target} could not be loaded; what ran before runs on, untouched",
                e.Message,
                ""
            );
        }
    }

    /// <returns>False: the engine is away, which is nobody's fault; nothing is lost but time.</returns>
    private async Task<bool> TryPrepareAsync(CancellationToken ct)
    {
        try
        {
            if (course.Reached < Phase.Preflighted)
                course.Record(Phase.Preflighted, StepOutcome.Done, await PreflightAsync(ct));
            await LoadAsync(ct);
            return true;
        }
        catch (EngineUnavailableException e)
        {
            if (course.Reached is Phase.Loading && ++lossesWhileLoading >= MostLossesWhileLoading)
                throw new IOException(
                    $"the engine went away {lossesWhileLoading} times while it loaded: {e.Message}",
                    e
                );
            if (!waitsForEngine)
                course.Record(
                    course.Reached,
                    StepOutcome.Failed,
                    $"waiting for the engine, which does not answer: {e.Message}"
                );
            waitsForEngine = true;
            return false;
        }
    }

    /// <returns>What is to be said of it.</returns>
    /// <exception cref="RefusedException">With all reasons at once.</exception>
    private async Task<string> PreflightAsync(CancellationToken ct)
    {
        var data = await safekeeping.CheckAsync(ct);
        var assessed = await preflight.AssessAsync(operation.Kind, to, from, data.BytesToCopy, ct);
        if (assessed.Refusals is { Count: > 0 } refusals)
            throw new RefusedException(string.Join("; ", refusals.Select(r => $"{r.Sentence} ({r.Remedy})")));
        const string well = "the engine answers, and has room for it";
        return assessed.Warnings is { Count: > 0 } warnings
            ? $"{well}, but {string.Join("; ", warnings.Select(w => w.Sentence))}"
            : well;
    }

    private async Task LoadAsync(CancellationToken ct)
    {
        course.Record(
            Phase.Loading,
            StepOutcome.Begun,
            $"loading {Count(to.Content.ApplicationImages.Count, "image")}"
        );
        await RemoveDoubtfulAsync(ct);
        var plan = await images.PlanAsync(to.Content.ApplicationImages, ct);
        // What the engine has already is not ours to take away again.
        journal.WillLoad([.. plan.Images.Select(i => i.Config.Digest)], boot.Id);
        var report = new ByteReport(progress, plan.BytesToSend);
        await images.LoadAsync(to.Content.ApplicationImages, report, ct);
        progress.Set(Progress.None);
        journal.HasLoaded(
            operation.Id,
            [.. to.Content.ApplicationImages.Select(i => i.Config.Digest)],
            plan.BytesToSend
        );
        course.Record(
            Phase.Loaded,
            StepOutcome.Done,
            $"the engine has {Count(to.Content.ApplicationImages.Count, "image")} of {course.Target}"
        );
    }

    /// <summary>
    /// The machine went down while the engine was given images: what it knows of them may be no more than their names. No
    /// container was made of them yet, and their blobs are here.
    /// </summary>
    /// <exception cref="IOException">Something uses one of them.</exception>
    private async Task RemoveDoubtfulAsync(CancellationToken ct)
    {
        var doubtful = journal.DoubtfulImages(boot.Id);
        foreach (var image in to.Content.ApplicationImages.Where(i => doubtful.Contains(i.Config.Digest)))
        {
            if (!await images.RemoveAsync(image.Config.Digest, ct))
                throw new IOException(
                    $"the engine may hold {image.Reference} in part only since the machine went down, and something uses it: remove what does, and try again"
                );
        }
    }

    private static string Count(int count, string what) => count == 1 ? $"1 {what}" : $"{count} {what}s";

    private sealed class ByteReport(OperationProgress progress, long total) : IProgress<long>
    {
        public void Report(long value) => progress.Set(new Progress(value, total, 0, 0));
    }
}

using Appliance.Agent.Storage;

namespace Appliance.Agent.Ingress;

/// <summary>
/// What HAProxy starts with: the shape that it runs, with the servers as they are. Another one is there only while HAProxy
/// is asked to take it, and what was proven by running is kept beside it meanwhile: HAProxy's own check does not see a port
/// that somebody else has, and with such a file it would not start at all.
/// </summary>
internal sealed class StartFile(HaproxyConfiguration configuration, IngressFolder folder, EventLog events, ILogger log)
{
    private string? written;
    private string? proven;
    private bool isTold;

    /// <summary>Whether it is known to be as it should.</summary>
    public bool IsWritten => written is not null;

    /// <summary>Writes the servers into what runs.</summary>
    /// <param name="content">The whole file.</param>
    /// <param name="hash">Of its shape.</param>
    public void WriteServers(string content, string hash)
    {
        try
        {
            written ??= configuration.Read();
            if (content != written)
            {
                configuration.Write(content);
                written = content;
            }
            Prove(content, hash);
            isTold = false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            written = null;
            Note(folder.Configuration, e.Message);
        }
    }

    /// <summary>Whether this is what HAProxy would start with.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public bool Is(string content) => content == written || content == configuration.Read();

    /// <summary>Has what was checked last take its place.</summary>
    /// <param name="running">The hash of what runs; null: nothing of ours.</param>
    /// <returns>What it is to be again if HAProxy does not take it; null: nothing. It is on the disk by then.</returns>
    /// <exception cref="IOException">It cannot; what was there is still there.</exception>
    public string? Promote(string? running)
    {
        var good = configuration.Read();
        if (good is not null && HaproxyText.HashIn(good) == running)
            Prove(good, running);
        else if (configuration.ReadProven() is { } known && HaproxyText.HashIn(known) == running)
            good = known;
        Promote();
        return good;
    }

    /// <inheritdoc cref="Promote(string?)"/>
    public void Promote()
    {
        written = null;
        configuration.Promote();
    }

    /// <summary>HAProxy runs it.</summary>
    public void Took(string content) => written = content;

    /// <summary>HAProxy did not take what was promoted.</summary>
    public void PutBack(string? good)
    {
        try
        {
            written = null;
            if (good is null)
                File.Delete(folder.Configuration);
            else
                configuration.Write(good);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Note(folder.Configuration, e.Message);
        }
    }

    /// <summary>Undoes what an agent left that was ended while HAProxy was to take another shape.</summary>
    /// <param name="isProof">Whether the shape with this hash is known to run, or to have run; null: nothing of ours.</param>
    public void PutBackUnproven(Func<string?, bool> isProof)
    {
        try
        {
            if (
                configuration.Read() is { } now
                && HaproxyText.HashIn(now) is { } unproven
                && configuration.ReadProven() is { } known
                && unproven != HaproxyText.HashIn(known)
                && isProof(HaproxyText.HashIn(known))
            )
                PutBack(known);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Note(folder.Configuration, e.Message);
        }
    }

    /// <summary>Says once that a file cannot be written.</summary>
    public void Note(string file, string why)
    {
        if (isTold)
            return;
        isTold = true;
        log.FileNotWritten(file, why);
        events.Append(
            new(
                EventSeverity.Error,
                "ingress.not-written",
                null,
                null,
                $"{file} cannot be written: {why}.",
                "Requests go where they should; HAProxy would start with what was written last. Tries again."
            )
        );
    }

    // Its shape is what counts: servers are written anew whenever HAProxy is looked at.
    private void Prove(string content, string? hash)
    {
        if (hash is null || proven == hash)
            return;
        if (configuration.ReadProven() is not { } known || HaproxyText.HashIn(known) != hash)
            configuration.WriteProven(content);
        proven = hash;
    }
}

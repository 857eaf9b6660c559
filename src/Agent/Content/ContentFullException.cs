namespace Appliance.Agent.Content;

/// <summary>A blob does not fit on the file system that holds the agent's content. Nothing of it was kept.</summary>
internal sealed class ContentFullException(string folder, long needed, long free, Exception? inner)
    : IOException($"no space left in {folder}: {needed} bytes are needed, {free} are free", inner)
{
    public string Folder { get; } = folder;
    public long NeededBytes { get; } = needed;
    public long FreeBytes { get; } = free;

    // The kernel's words for "no space" and "beyond the quota".
    private const int NoSpace = 28;
    private const int QuotaExceeded = 122;

    // COR_E_IO: what the runtime throws itself, and not for an error of the kernel's.
    private const int OfTheRuntime = unchecked((int)0x80131620);

    /// <summary>
    /// Whether a file could not be made for lack of space. The runtime has words of its own for one that it cannot preallocate,
    /// and no number; what is free by the time that somebody asks says nothing of it.
    /// </summary>
    public static bool IsReasonForNoFile(IOException e) =>
        IsReasonFor(e) || (e.GetType() == typeof(IOException) && e.HResult == OfTheRuntime);

    /// <summary>Whether a write failed for lack of space and not for another reason.</summary>
    public static bool IsReasonFor(IOException e) => e.HResult is NoSpace or QuotaExceeded;
}

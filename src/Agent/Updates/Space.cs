using Appliance.Agent.Host;

namespace Appliance.Agent.Updates;

/// <summary>A file system that an operation takes room on.</summary>
/// <param name="Name">As in <c>the engine's file system</c>.</param>
/// <param name="Needed">In all; 0: nothing is written to it to speak of.</param>
/// <param name="Parts">What that is made of, in words.</param>
/// <param name="Free">Null: it cannot be told from here.</param>
internal sealed record DiskNeed(string Name, string Folder, long Needed, IReadOnlyList<string> Parts, long? Free);

/// <summary>What an operation takes, in exact bytes.</summary>
/// <param name="Content">Of the release, what is still to be stored.</param>
/// <param name="Layers">For layers that the engine does not hold, unpacked.</param>
/// <param name="Spool">What the engine puts aside of what it is sent, until it is unpacked.</param>
/// <param name="RollbackSet">For layers of the present release that the engine has lost: going back needs them.</param>
/// <param name="ToSend">What the engine is sent.</param>
internal sealed record Space(long Content, long Layers, long Spool, long RollbackSet, long ToSend)
{
    /// <summary>What stays free of a file system that is written to: who works on it needs room to go on.</summary>
    public const long Reserve = 64L * 1024 * 1024;

    /// <summary>For copies of volumes, where they share no blocks with them; beside the volumes.</summary>
    public long Snapshots { get; init; }

    /// <summary>By file system: one that is both the state's and the engine's has to have room for both.</summary>
    public IReadOnlyList<DiskNeed> Disks { get; init; } = [];

    /// <summary>The engine's, or both's.</summary>
    public long? FreeForEngine => Disks is [.., var last] ? last.Free : null;

    /// <param name="state">What the agent's state is on.</param>
    /// <param name="engine">What the engine keeps images on; null when it is out of sight.</param>
    public Space On((string Folder, DiskSpace? Space) state, (string Folder, DiskSpace? Space) engine)
    {
        (long Bytes, string For)[] ofState = [(Content, "of the release")];
        (long Bytes, string For)[] ofEngine =
        [
            (Layers, "for new layers"),
            (Spool, "to unpack them"),
            (RollbackSet, "for layers of the release before"),
            (Snapshots, "to keep a copy of the data that it changes"),
        ];
        var isOne = state.Space is { } a && engine.Space is { } b && a.Device == b.Device;
        return this with
        {
            Disks = isOne
                ? [Need("the file system of the agent's state and the engine", engine, [.. ofState, .. ofEngine])]
                :
                [
                    Need("the file system of the agent's state", state, ofState),
                    Need("the engine's file system", engine, ofEngine),
                ],
        };
    }

    private static DiskNeed Need(
        string name,
        (string Folder, DiskSpace? Space) on,
        IReadOnlyList<(long Bytes, string For)> parts
    )
    {
        var taken = parts.Where(p => p.Bytes > 0).ToList();
        if (taken.Count > 0)
            taken.Add((Reserve, "that stay free"));
        return new DiskNeed(
            name,
            on.Folder,
            taken.Sum(p => p.Bytes),
            [.. taken.Select(p => $"{p.Bytes} {p.For}")],
            on.Space?.FreeBytes
        );
    }
}

namespace Appliance.Bundles.Compose;

/// <summary>A file system mounted into the container.</summary>
/// <param name="Target">Absolute path inside the container, normalised.</param>
public abstract record Mount(string Target, bool ReadOnly);

/// <param name="Volume">A key of <see cref="ComposeModel.Volumes"/>.</param>
/// <param name="NoCopy">Do not fill an empty volume with the image's files at the target.</param>
public sealed record VolumeMount(string Volume, string Target, bool ReadOnly, bool NoCopy) : Mount(Target, ReadOnly);

/// <param name="Source">Absolute path on the host, normalised.</param>
/// <param name="CreateHostPath">Create the source as a directory when it is missing.</param>
public sealed record BindMount(string Source, string Target, bool ReadOnly, bool CreateHostPath)
    : Mount(Target, ReadOnly);

/// <param name="SizeBytes">Null: the engine's default.</param>
/// <param name="Mode">Permission bits of its root, for example 0x3FF (octal 1777); null: the engine's default.</param>
/// <param name="Options">Further mount options as the engine takes them (<c>uid=1000</c>, <c>noexec</c>).</param>
public sealed record TmpfsMount(string Target, bool ReadOnly, long? SizeBytes, int? Mode, IReadOnlyList<string> Options)
    : Mount(Target, ReadOnly);

/// <summary>A named volume of the local driver. The engine's name for it is the agent's choice.</summary>
public sealed record ComposeVolume(
    string Name,
    IReadOnlyDictionary<string, string> DriverOptions,
    IReadOnlyDictionary<string, string> Labels
)
{
    /// <summary>When what it holds was changed so that older releases notice.</summary>
    public VolumeData Data { get; init; } = VolumeData.Unchanged;
}

/// <summary>A secret or config: a small file that comes with the release.</summary>
public sealed record ComposeFile(string Name, FileSource Source, IReadOnlyDictionary<string, string> Labels);

/// <summary>Where a file's bytes come from. Its digest changes when they do, so that who mounts it is recreated.</summary>
/// <param name="Sha256">Lower-case hexadecimal SHA-256 of the bytes.</param>
public abstract record FileSource(string Sha256);

/// <param name="Path">Relative to the folder of the Compose file, with forward slashes, never outside it.</param>
public sealed record FileFromRelease(string Path, string Sha256) : FileSource(Sha256);

/// <summary>Text of the Compose file itself, UTF-8.</summary>
public sealed record InlineFile(string Content, string Sha256) : FileSource(Sha256);

/// <summary>A secret or config as a service sees it.</summary>
/// <param name="Source">A key of <see cref="ComposeModel.Secrets"/> or <see cref="ComposeModel.Configs"/>.</param>
/// <param name="Target">Absolute path inside the container.</param>
/// <param name="Uid">Numeric owner; null: 0.</param>
/// <param name="Gid">Numeric group; null: 0.</param>
/// <param name="Mode">Permission bits. Default octal 0444.</param>
public sealed record FileMount(string Source, string Target, int? Uid, int? Gid, int Mode);

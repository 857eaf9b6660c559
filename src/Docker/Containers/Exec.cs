using System.Text.Json.Serialization;

namespace Appliance.Docker;

/// <summary>A command to run in a container.</summary>
public sealed record ExecSpec
{
    /// <summary>The program and its arguments.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>Variables beside the container's, as <c>NAME=value</c>.</summary>
    public IReadOnlyList<string>? Env { get; init; }

    /// <summary>The user; null for the container's.</summary>
    public string? User { get; init; }

    /// <summary>The folder; null for the container's.</summary>
    public string? WorkingDir { get; init; }

    /// <summary>Whether it has every capability.</summary>
    public bool Privileged { get; init; }
}

/// <summary>A command in a container, as the engine sees it.</summary>
public sealed record ExecInspection
{
    /// <summary>Whether it still runs.</summary>
    public bool Running { get; init; }

    /// <summary>How it ended; null while it runs or when it never began.</summary>
    public int? ExitCode { get; init; }

    /// <summary>Its process, as the host numbers it; 0 when it has none.</summary>
    public int Pid { get; init; }

    /// <summary>The container.</summary>
    [JsonPropertyName("ContainerID")]
    public string ContainerId
    {
        get => field ?? "";
        init;
    }
}

/// <summary>A command in a container that has ended.</summary>
/// <param name="ExitCode">126 and 127 when the program cannot be run or found.</param>
/// <param name="Stdout">Standard output, as far as it was kept.</param>
/// <param name="Stderr">Standard error, as far as it was kept.</param>
/// <param name="Truncated">Whether there was more output than was to be kept.</param>
public sealed record ExecResult(int ExitCode, string Stdout, string Stderr, bool Truncated);

internal sealed record ExecCreation
{
    public required IReadOnlyList<string> Cmd { get; init; }

    public IReadOnlyList<string>? Env { get; init; }

    public string? User { get; init; }

    public string? WorkingDir { get; init; }

    public bool Privileged { get; init; }

    public bool AttachStdout { get; } = true;

    public bool AttachStderr { get; } = true;
}

internal sealed record ExecStart
{
    public bool Detach { get; }

    public bool Tty { get; }
}

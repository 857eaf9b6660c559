using System.ComponentModel.DataAnnotations;
using Appliance.Agent.Supervision;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Healing;

/// <summary>Section <c>healing</c>: what may be done for what is not well, and how often.</summary>
internal sealed class HealingOptions : IValidatableObject
{
    public const string Section = "healing";

    /// <summary>Restarts in a row before another container is made.</summary>
    [Range(1, 100)]
    public int Restarts { get; set; } = 3;

    /// <summary>How long the engine may hang, or be away, before it is restarted.</summary>
    public TimeSpan EnginePatience { get; set; } = TimeSpan.FromMinutes(2);

    public bool MayRestartEngine { get; set; } = true;

    /// <summary>The engine's unit, where systemd runs it.</summary>
    public string EngineUnit { get; set; } = "docker.service";

    /// <summary>
    /// Where the engine writes its process id, where it is not systemd that runs it: it is then ended, and somebody else has
    /// to start it. Null: it is left alone.
    /// </summary>
    public string? EnginePidFile { get; set; }

    /// <summary>Whether the machine may be rebooted.</summary>
    public bool MayReboot { get; set; }

    /// <summary>The wait after a first reboot; it doubles with each further one.</summary>
    public TimeSpan RebootEvery { get; set; } = TimeSpan.FromDays(1);

    /// <summary>For so long after a boot there is no other.</summary>
    public TimeSpan RebootNotWithin { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>A disk with less, in MiB, is full.</summary>
    [Range(1, 1024 * 1024)]
    public int LeastFreeSpace { get; set; } = 64;

    public Ladder Ladder => Ladder.Default with { Restarts = Restarts };

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (EnginePatience < TimeSpan.FromSeconds(1) || EnginePatience > TimeSpan.FromDays(1))
            yield return new("engine-patience must be from 1s to 1d");
        if (EngineUnit.Length == 0 || EngineUnit.StartsWith('-'))
            yield return new("engine-unit must be the name of a unit, such as docker.service");
        if (EnginePidFile is not null && !Path.IsPathFullyQualified(EnginePidFile))
            yield return new($"engine-pid-file must be an absolute path, and is \"{EnginePidFile}\"");
        if (RebootEvery < TimeSpan.FromHours(1) || RebootEvery > TimeSpan.FromDays(30))
            yield return new("reboot-every must be from 1h to 30d");
        if (RebootNotWithin < TimeSpan.FromMinutes(5) || RebootNotWithin > TimeSpan.FromDays(1))
            yield return new("reboot-not-within must be from 5m to 1d");
    }
}

[OptionsValidator]
internal sealed partial class HealingOptionsValidator : IValidateOptions<HealingOptions>;

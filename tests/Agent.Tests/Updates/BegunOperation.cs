using Appliance.Agent.Storage;

namespace Appliance.Agent.Tests.Updates;

/// <summary>An upgrade that has begun, in a journal that nobody works on.</summary>
internal static class BegunOperation
{
    public static Operation BeginUpgrade(this UpdateJournal journal, DateTimeOffset now) =>
        journal.Begin(
            new Operation(
                0,
                OperationKind.Upgrade,
                OperationState.Running,
                Phase.Verified,
                "demo",
                null,
                "1.0.0",
                "sha256:two",
                "2.0.0",
                "a test",
                now,
                null,
                "verified",
                "",
                "",
                null,
                0
            ),
            new KnownRelease("sha256:two", "{}"u8.ToArray()),
            trust: null
        );
}

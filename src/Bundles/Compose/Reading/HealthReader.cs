namespace Appliance.Bundles.Compose.Reading;

/// <summary>Docker's <c>healthcheck</c>.</summary>
internal static class HealthReader
{
    private static readonly KeySet s_healthKeys = new(
        "healthcheck",
        ["test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"]
    );

    public static HealthCheck? HealthCheck(Field? field)
    {
        if (field is null)
            return null;

        var map = field.Map(s_healthKeys);
        var disable = map["disable"]?.Bool() ?? false;
        var testField = map["test"];
        var test = testField is null ? [] : Test(testField);
        if (disable && test is not ([] or ["NONE"]))
            testField!.Error("a test, and \"disable: true\"; remove one of them");

        return new(
            disable ? ["NONE"] : test,
            map["interval"]?.PositiveDuration(),
            map["timeout"]?.PositiveDuration(),
            map["retries"]?.Int(1, int.MaxValue),
            map["start_period"]?.Duration(),
            map["start_interval"]?.PositiveDuration()
        );
    }

    private static IReadOnlyList<string> Test(Field field)
    {
        if (field.IsScalar)
            return field.Name() is { } line ? ["CMD-SHELL", line] : [];

        var test = field.Texts();
        switch (test)
        {
            case ["NONE"] or ["CMD", _, ..] or ["CMD-SHELL", _]:
                break;
            case ["CMD-SHELL", _, ..]:
                field.Error("CMD-SHELL takes one line; put it into a single string");
                break;
            default:
                field.Error(
                    "must be a string, or a list that begins with CMD, CMD-SHELL or NONE: [\"CMD\", \"pg_isready\"]"
                );
                break;
        }

        return test;
    }
}

namespace Appliance.Bench;

/// <summary>What a figure should not exceed: an amount in its own unit, or a multiple of its floor.</summary>
internal sealed record Aim(double Limit, bool TimesFloor);

/// <summary>A figure beside its floor, both measured in this run.</summary>
/// <param name="What">What was measured.</param>
/// <param name="Value">What it was for us, in <paramref name="Unit"/>.</param>
/// <param name="Unit">As in <c>ms</c>.</param>
/// <param name="Floor">What the least that could do the job took, in the same unit.</param>
/// <param name="FloorName">What that is.</param>
/// <param name="Aim">What we want; null if the figure is for information.</param>
internal sealed record Row(string What, double Value, string Unit, double Floor, string FloorName, Aim? Aim)
{
    public static void WriteHeader(TextWriter output) =>
        WriteLine(output, "figure", "measured", "floor", "the floor is", "ratio", "aim", "");

    public void Write(TextWriter output)
    {
        var ratio = Floor > 0 ? Value / Floor : double.NaN;
        var (aim, met) = Aim switch
        {
            null => ("", ""),
            { TimesFloor: true } a => ($"<= {a.Limit:0.##} x", ratio <= a.Limit ? "met" : "MISSED"),
            var a => ($"<= {a.Limit:0.##} {Unit}", Value <= a.Limit ? "met" : "MISSED"),
        };
        WriteLine(
            output,
            What,
            $"{Value:0.0#} {Unit}",
            $"{Floor:0.0#} {Unit}",
            FloorName,
            double.IsNaN(ratio) ? "-" : $"{ratio:0.00}",
            aim,
            met
        );
    }

    private static void WriteLine(TextWriter output, params ReadOnlySpan<string> cells) =>
        output.WriteLine(
            $"{cells[0], -42} {cells[1], 12} {cells[2], 12}  {cells[3], -44} {cells[4], 6}  {cells[5], -10} {cells[6]}"
        );
}

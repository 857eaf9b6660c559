using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>Events, a line each, aligned without knowing what comes next.</summary>
internal static class EventsView
{
    public static void Write(Screen screen, Event e)
    {
        var (word, style) = e.Severity switch
        {
            Severity.Info => ("info", Style.Plain),
            Severity.Warning => ("warning", Style.Yellow),
            Severity.Error => ("error", Style.Red),
            _ => ("-", Style.Plain),
        };
        var subject = e.Container.Length > 0 ? e.Container : e.Service;
        screen.WriteLine(
            $"{e.Id, 6}  {Ages.Local(e.Time)}  {screen.Paint($"{word, -7}", style)}  "
                + $"{Text.OneLine(e.Kind), -22}  {Text.OneLine(subject), -14}  {What(e)}".TrimEnd()
        );
    }

    /// <summary>What was found, and what was done about it.</summary>
    private static string What(Event e) =>
        Text.OneLine(e.Done.Length == 0 ? e.Found : $"{e.Found.TrimEnd('.')} -> {e.Done}");
}

using System.Globalization;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>The signals of Linux (signal(7)) by the names and numbers that the engine takes.</summary>
internal static class Signals
{
    private const int Last = 64;

    private static readonly HashSet<string> s_names =
    [
        .. "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM".Split(
            ' '
        ),
        .. "TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX".Split(' '),
        .. Enumerable.Range(1, 15).Select(n => string.Create(CultureInfo.InvariantCulture, $"RTMIN+{n}")),
        .. Enumerable.Range(1, 14).Select(n => string.Create(CultureInfo.InvariantCulture, $"RTMAX-{n}")),
    ];

    /// <summary>Whether it is <c>SIGTERM</c>, <c>TERM</c>, <c>15</c> or one of their like.</summary>
    public static bool IsSignal(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number is >= 1 and <= Last
            : s_names.Contains(text.StartsWith("SIG", StringComparison.Ordinal) ? text[3..] : text);
}

using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>A certificate, its facts a line each.</summary>
internal static class CertificateView
{
    public static void Write(Screen screen, Certificate certificate, DateTimeOffset now)
    {
        var isOver = certificate.NotAfter.ToDateTimeOffset() <= now;
        var until = $"{Ages.Local(certificate.NotAfter)} ({Ages.Ago(certificate.NotAfter, now)})";
        (string, string)[] lines =
        [
            ("Subject", Text.OneLine(certificate.Subject)),
            ("Issuer", certificate.SelfSigned ? "itself: browsers warn of it" : Text.OneLine(certificate.Issuer)),
            ("For", Text.OneLine(string.Join(", ", certificate.Names))),
            ("From", Ages.Local(certificate.NotBefore)),
            ("Until", isOver ? screen.Paint($"{until}, expired", Style.Red) : until),
            ("SHA-256", certificate.Fingerprint),
        ];
        foreach (var (name, value) in lines)
            screen.WriteLine($"{name, -10}{value}");
    }
}

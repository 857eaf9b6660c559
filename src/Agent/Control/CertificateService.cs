using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Appliance.Agent.Ingress;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class CertificateService(IngressCertificates certificates)
    : V1.CertificateService.CertificateServiceBase
{
    public override Task<V1.Certificate> GetCertificate(V1.GetCertificateRequest request, ServerCallContext context) =>
        Task.FromResult(
            certificates.Current is { } current
                ? ToMessage(current)
                : throw Rpc.Error(
                    StatusCode.FailedPrecondition,
                    "there is no certificate: ingress is not enabled, or has not begun yet"
                )
        );

    public override async Task<V1.SetCertificateResponse> SetCertificate(
        V1.SetCertificateRequest request,
        ServerCallContext context
    ) =>
        await certificates.ReplaceAsync(request.Pem, context.CancellationToken) switch
        {
            CertificateOutcome.Replaced done => new()
            {
                Certificate = ToMessage(done.Certificate),
                InUse = done.IsInUse,
            },
            CertificateOutcome.Refused refused => throw Rpc.Error(
                StatusCode.FailedPrecondition,
                $"the certificate was not taken, and the one before stays in use: {refused.Why}"
            ),
            _ => throw new InvalidOperationException("a certificate is taken or refused"),
        };

    private static V1.Certificate ToMessage(CertificatePem stored)
    {
        using var certificate = X509Certificate2.CreateFromPem(stored.Text);
        return new()
        {
            Subject = stored.Subject,
            Issuer = certificate.Issuer,
            Names = { stored.Names },
            NotBefore = stored.NotBefore.ToTimestamp(),
            NotAfter = stored.NotAfter.ToTimestamp(),
            Fingerprint = certificate.GetCertHashString(HashAlgorithmName.SHA256),
            SelfSigned = certificate.IssuerName.RawData.AsSpan().SequenceEqual(certificate.SubjectName.RawData),
        };
    }
}

using Appliance.V1;
using Grpc.Core;

namespace Agent.Cli.Tests;

internal sealed partial class FakeAgent
{
    public Certificate Certificate { get; set; } = new();

    private sealed class CertificateAnswers(FakeAgent agent) : CertificateService.CertificateServiceBase
    {
        public override Task<Certificate> GetCertificate(GetCertificateRequest request, ServerCallContext context)
        {
            agent.Take("GetCertificate", request);
            return Task.FromResult(agent.Certificate);
        }

        public override Task<SetCertificateResponse> SetCertificate(
            SetCertificateRequest request,
            ServerCallContext context
        )
        {
            agent.Take("SetCertificate", request);
            return Task.FromResult(new SetCertificateResponse { Certificate = agent.Certificate, InUse = true });
        }
    }
}

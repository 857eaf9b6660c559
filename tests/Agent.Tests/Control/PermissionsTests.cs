using Appliance.Agent.Control;
using Appliance.V1;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Health.V1;

namespace Appliance.Agent.Tests.Control;

public sealed class PermissionsTests
{
    /// <summary>Written a second time on purpose: who loosens the agent's table must say so here, too.</summary>
    private static readonly Dictionary<string, Role> Expected = new()
    {
        ["/appliance.v1.StatusService/GetStatus"] = Role.Viewer,
        ["/appliance.v1.ServicesService/ListServices"] = Role.Viewer,
        ["/appliance.v1.ServicesService/GetService"] = Role.Viewer,
        ["/appliance.v1.ServicesService/StartService"] = Role.Operator,
        ["/appliance.v1.ServicesService/StopService"] = Role.Operator,
        ["/appliance.v1.ServicesService/RestartService"] = Role.Operator,
        ["/appliance.v1.ServicesService/RecreateService"] = Role.Operator,
        ["/appliance.v1.ServicesService/StreamLogs"] = Role.Viewer,
        ["/appliance.v1.EventsService/StreamEvents"] = Role.Viewer,
        ["/appliance.v1.AuditService/ListAudit"] = Role.Admin,
        ["/appliance.v1.AuditService/VerifyAudit"] = Role.Admin,
        ["/appliance.v1.UpdatesService/StageBundle"] = Role.Admin,
        ["/appliance.v1.UpdatesService/StartUpgrade"] = Role.Admin,
        ["/appliance.v1.UpdatesService/PlanRollback"] = Role.Viewer,
        ["/appliance.v1.UpdatesService/StartRollback"] = Role.Admin,
        ["/appliance.v1.UpdatesService/GetRollout"] = Role.Viewer,
        ["/appliance.v1.UpdatesService/PauseRollout"] = Role.Admin,
        ["/appliance.v1.UpdatesService/PromoteRollout"] = Role.Admin,
        ["/appliance.v1.UpdatesService/ListHistory"] = Role.Viewer,
        ["/appliance.v1.OperationsService/ListOperations"] = Role.Viewer,
        ["/appliance.v1.OperationsService/WatchOperation"] = Role.Viewer,
        ["/appliance.v1.OperationsService/CancelOperation"] = Role.Admin,
        ["/appliance.v1.MaintenanceService/Hold"] = Role.Operator,
        ["/appliance.v1.MaintenanceService/Release"] = Role.Operator,
        ["/appliance.v1.CertificateService/GetCertificate"] = Role.Viewer,
        ["/appliance.v1.CertificateService/SetCertificate"] = Role.Admin,
        ["/appliance.v1.AlertsService/ListAlerts"] = Role.Viewer,
        ["/appliance.v1.AlertsService/MapAlert"] = Role.Admin,
        ["/appliance.v1.AlertsService/UnmapAlert"] = Role.Admin,
        ["/appliance.v1.AlertsService/TestAlert"] = Role.Viewer,
        ["/appliance.v1.DrillsService/ListDisasters"] = Role.Admin,
        ["/appliance.v1.DrillsService/StartDrill"] = Role.Admin,
        ["/appliance.v1.DrillsService/GetDrillReport"] = Role.Admin,
        ["/appliance.v1.IdentityService/CreateToken"] = Role.Admin,
        ["/appliance.v1.IdentityService/ListTokens"] = Role.Admin,
        ["/appliance.v1.IdentityService/RevokeToken"] = Role.Admin,
        ["/grpc.health.v1.Health/Check"] = Role.None,
        ["/grpc.health.v1.Health/Watch"] = Role.None,
    };

    private static readonly FileDescriptor[] Files =
    [
        StatusReflection.Descriptor,
        ServicesReflection.Descriptor,
        EventsReflection.Descriptor,
        AuditReflection.Descriptor,
        UpdatesReflection.Descriptor,
        OperationsReflection.Descriptor,
        MaintenanceReflection.Descriptor,
        CertificateReflection.Descriptor,
        AlertsReflection.Descriptor,
        DrillsReflection.Descriptor,
        IdentityReflection.Descriptor,
        HealthReflection.Descriptor,
    ];

    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create(b => b, b => b);

    [Fact]
    public async Task Every_method_asks_every_role_for_what_the_table_says()
    {
        await using var host = await ControlHost.StartAsync();
        var ct = TestContext.Current.CancellationToken;
        var methods = Files.SelectMany(f => f.Services).SelectMany(s => s.Methods).ToList();
        Assert.Equal(Expected.Keys.Order(), methods.Select(NameOf).Order());

        var mistakes = new List<string>();
        foreach (var role in Enum.GetValues<Role>())
        {
            var invoker = host.Channel(IdentityOf(role)).CreateCallInvoker();
            foreach (var method in methods)
            {
                var code = await CallAsync(invoker, NameOf(method), method.IsServerStreaming, ct);
                var allowed = role >= Expected[NameOf(method)];
                if (allowed == (code == StatusCode.PermissionDenied))
                    mistakes.Add($"{NameOf(method)} as {role}: {code}");
            }
        }
        Assert.Empty(mistakes);
    }

    [Fact]
    public async Task A_method_without_a_permission_is_denied_even_to_root()
    {
        await using var host = await ControlHost.StartAsync();
        var invoker = host.Channel(Identity.Root).CreateCallInvoker();
        var ct = TestContext.Current.CancellationToken;
        Assert.Equal(StatusCode.PermissionDenied, await CallAsync(invoker, UnlistedService.Name, streaming: false, ct));
        Assert.Equal(
            StatusCode.Unimplemented,
            await CallAsync(invoker, "/appliance.test.Unlisted/Nothing", streaming: false, ct)
        );
    }

    [Fact]
    public async Task A_token_for_webhooks_opens_nothing_here()
    {
        await using var host = await ControlHost.StartAsync();
        var ct = TestContext.Current.CancellationToken;
        var token = await new V1.IdentityService.IdentityServiceClient(host.Channel(Identity.Root)).CreateTokenAsync(
            new CreateTokenRequest { Name = "am", Role = "webhook" },
            cancellationToken: ct
        );
        var invoker = host.Channel(IdentityOf(Role.None)).CreateCallInvoker();
        var shown = new Metadata { { "authorization", $"Bearer {token.Secret}" } };
        foreach (var method in Files.SelectMany(f => f.Services).SelectMany(s => s.Methods))
        {
            if (Expected[NameOf(method)] > Role.None)
                Assert.Equal(
                    StatusCode.PermissionDenied,
                    await CallAsync(invoker, NameOf(method), method.IsServerStreaming, ct, shown)
                );
        }
    }

    private static Identity IdentityOf(Role role) =>
        role switch
        {
            Role.None => new Identity(65534, 65534),
            Role.Viewer => new Identity(65534, 65534, GroupId(ControlHost.Groups.Viewer)),
            // The primary group counts as well.
            Role.Operator => new Identity(65534, GroupId(ControlHost.Groups.Operator)),
            _ => new Identity(65534, 65534, 60000, 60001, GroupId(ControlHost.Groups.Admin)),
        };

    private static uint GroupId(string name) => Accounts.GroupId(name)!.Value;

    private static string NameOf(MethodDescriptor method) => $"/{method.Service.FullName}/{method.Name}";

    private static async Task<StatusCode> CallAsync(
        CallInvoker invoker,
        string name,
        bool streaming,
        CancellationToken ct,
        Metadata? headers = null
    )
    {
        var parts = name.Split('/');
        var type = streaming ? MethodType.ServerStreaming : MethodType.Unary;
        var method = new Method<byte[], byte[]>(type, parts[1], parts[2], Bytes, Bytes);
        var options = new CallOptions(
            headers,
            deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(60),
            cancellationToken: ct
        );
        try
        {
            if (streaming)
            {
                using var call = invoker.AsyncServerStreamingCall(method, null, options, []);
                await call.ResponseStream.MoveNext(ct);
            }
            else
            {
                await invoker.AsyncUnaryCall(method, null, options, []);
            }
            return StatusCode.OK;
        }
        catch (RpcException e)
        {
            return e.StatusCode;
        }
    }
}

namespace Appliance.Agent.Control;

/// <param name="Minimum">The least role that may call it.</param>
/// <param name="IsChange">Whether each call leaves an audit record.</param>
internal sealed record Permission(Role Minimum, bool IsChange);

/// <summary>Who may call what: the one table. A method that is not in it is denied to everyone.</summary>
internal static class Permissions
{
    private static readonly Permission Anyone = new(Role.None, IsChange: false);
    private static readonly Permission View = new(Role.Viewer, IsChange: false);
    private static readonly Permission Operate = new(Role.Operator, IsChange: true);
    private static readonly Permission Inspect = new(Role.Admin, IsChange: false);
    private static readonly Permission Administer = new(Role.Admin, IsChange: true);

    private static readonly Dictionary<string, Permission> ByMethod = new()
    {
        ["/appliance.v1.StatusService/GetStatus"] = View,
        ["/appliance.v1.ServicesService/ListServices"] = View,
        ["/appliance.v1.ServicesService/GetService"] = View,
        ["/appliance.v1.ServicesService/StreamLogs"] = View,
        ["/appliance.v1.ServicesService/StartService"] = Operate,
        ["/appliance.v1.ServicesService/StopService"] = Operate,
        ["/appliance.v1.ServicesService/RestartService"] = Operate,
        ["/appliance.v1.ServicesService/RecreateService"] = Operate,
        ["/appliance.v1.EventsService/StreamEvents"] = View,
        ["/appliance.v1.MaintenanceService/Hold"] = Operate,
        ["/appliance.v1.MaintenanceService/Release"] = Operate,
        ["/appliance.v1.AuditService/ListAudit"] = Inspect,
        ["/appliance.v1.AuditService/VerifyAudit"] = Inspect,
        ["/appliance.v1.UpdatesService/StageBundle"] = Administer,
        ["/appliance.v1.UpdatesService/StartUpgrade"] = Administer,
        ["/appliance.v1.UpdatesService/PlanRollback"] = View,
        ["/appliance.v1.UpdatesService/StartRollback"] = Administer,
        ["/appliance.v1.UpdatesService/GetRollout"] = View,
        ["/appliance.v1.UpdatesService/PauseRollout"] = Administer,
        ["/appliance.v1.UpdatesService/PromoteRollout"] = Administer,
        ["/appliance.v1.UpdatesService/ListHistory"] = View,
        ["/appliance.v1.OperationsService/ListOperations"] = View,
        ["/appliance.v1.OperationsService/WatchOperation"] = View,
        ["/appliance.v1.OperationsService/CancelOperation"] = Administer,
        ["/appliance.v1.CertificateService/GetCertificate"] = View,
        ["/appliance.v1.CertificateService/SetCertificate"] = Administer,
        ["/appliance.v1.AlertsService/ListAlerts"] = View,
        ["/appliance.v1.AlertsService/MapAlert"] = Administer,
        ["/appliance.v1.AlertsService/UnmapAlert"] = Administer,
        ["/appliance.v1.AlertsService/TestAlert"] = View,
        ["/appliance.v1.DrillsService/ListDisasters"] = Inspect,
        ["/appliance.v1.DrillsService/StartDrill"] = Administer,
        ["/appliance.v1.DrillsService/GetDrillReport"] = Inspect,
        ["/appliance.v1.IdentityService/CreateToken"] = Administer,
        ["/appliance.v1.IdentityService/ListTokens"] = Inspect,
        ["/appliance.v1.IdentityService/RevokeToken"] = Administer,
        // It says no more than whether the appliance serves, to load balancers and monitors that have no role.
        ["/grpc.health.v1.Health/Check"] = Anyone,
        ["/grpc.health.v1.Health/Watch"] = Anyone,
    };

    /// <param name="method">Full name, <c>/package.Service/Method</c>.</param>
    public static Permission? Of(string method) => ByMethod.GetValueOrDefault(method);
}

[assembly: Appliance.Tests.Machines.KeepsEvidence]
